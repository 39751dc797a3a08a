// Proxies of others, run as judges of our CONNECT.
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requirePeer } from "../../support/peers.ts";
import { type RunningProgram, startProgram } from "../../support/program.ts";

/** One foreign proxy. */
export type RealProxy = {
  readonly name: string;
  readonly isAvailable: boolean;
  start(): Promise<RunningProgram>;
};

/** tinyproxy: answers 200 and 500. */
export const tinyproxy: RealProxy = {
  name: "tinyproxy",
  isAvailable: requirePeer("tinyproxy"),
  start: () =>
    startProgram("tinyproxy", async (folder, port) => {
      const file = join(folder, "tinyproxy.conf");
      const lines = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "MaxClients 300", "Allow 127.0.0.1"];
      const logs = ["LogLevel Error", `LogFile "${folder}/log"`, `PidFile "${folder}/pid"`];
      await writeFile(file, `${[...lines, ...logs].join("\n")}\n`);
      return { command: ["tinyproxy", "-d", "-c", file] };
    }),
};

/** squid: cuts both ways on an end. A name of its own keeps its shared memory apart from other instances. */
export const squid: RealProxy = {
  name: "squid",
  isAvailable: requirePeer("squid"),
  start: () =>
    startProgram("squid", async (folder, port) => {
      const file = join(folder, "squid.conf");
      await chmod(folder, 0o777);
      const lines = [
        `http_port 127.0.0.1:${port}`,
        "acl me src 127.0.0.1",
        "http_access allow me",
        "http_access deny all",
        "cache deny all",
        "access_log none",
        `cache_log ${folder}/log`,
        `pid_filename ${folder}/pid`,
        `coredump_dir ${folder}`,
        "pinger_enable off",
        "netdb_filename none",
        "shutdown_lifetime 1 second",
      ];
      await writeFile(file, `${lines.join("\n")}\n`);
      return { command: ["squid", "-n", `test${port}`, "-N", "-f", file] };
    }),
};

/** Apache with mod_proxy_connect: keeps half-close. */
export const apache: RealProxy = {
  name: "apache2",
  isAvailable: requirePeer("apache2"),
  start: () =>
    startProgram("apache", async (folder, port) => {
      const file = join(folder, "apache.conf");
      const modules = ["mpm_event", "authz_core", "authz_host", "proxy", "proxy_connect"];
      const lines = [
        ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
        `Listen 127.0.0.1:${port}`,
        "ServerName localhost",
        `PidFile ${folder}/pid`,
        `DefaultRuntimeDir ${folder}`,
        `ErrorLog ${folder}/log`,
        "User nobody",
        "Group nogroup",
        "ProxyRequests On",
        "AllowCONNECT 1-65535",
        "Timeout 600",
        "<Proxy *>",
        "Require local",
        "</Proxy>",
      ];
      await writeFile(file, `${lines.join("\n")}\n`);
      return { command: ["apache2", "-f", file, "-DFOREGROUND"] };
    }),
};
