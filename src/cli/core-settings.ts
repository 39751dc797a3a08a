// Settings of runtunnel itself; those of platforms are declared by the platforms.
import type { SettingDeclaration } from "../domain/setting.ts";

/** Defaults for options of commands. */
export const CORE_SETTINGS: readonly SettingDeclaration[] = [
  {
    key: "log-level",
    variables: ["RUNTUNNEL_LOG_LEVEL", "CP_LOGGING_LEVEL"],
    flag: "log-level",
    kind: "text",
    description: "Least level of log messages: CRITICAL, ERROR, WARNING, INFO or DEBUG",
  },
  {
    key: "listen-address",
    variables: ["RUNTUNNEL_LISTEN_ADDRESS", "CP_CLI_TUNNEL_SERVER_ADDRESS"],
    flag: "listen-address",
    kind: "text",
    description: "Local address of tunnels",
  },
  {
    key: "preferred-port",
    variables: ["RUNTUNNEL_PREFERRED_PORT"],
    flag: "preferred-port",
    kind: "port",
    description: "Local port to use if it is free",
  },
  {
    key: "retries",
    variables: ["RUNTUNNEL_RETRIES"],
    flag: "retries",
    kind: "text",
    description: "Tries per dial and per API call",
  },
  {
    key: "connection-timeout",
    variables: ["RUNTUNNEL_CONNECTION_TIMEOUT"],
    flag: "connection-timeout",
    kind: "text",
    description: "Time for one dial; a bare number is seconds",
  },
  {
    key: "ssh-path",
    variables: ["RUNTUNNEL_SSH_PATH"],
    flag: "ssh-path",
    kind: "text",
    description: "Folder of the OpenSSH client's files",
  },
];
