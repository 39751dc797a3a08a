// What can be configured for Backend.AI: our own settings, and the variables of the platform's client that count after them.
import type { SettingDeclaration } from "../../domain/setting.ts";

/** Our settings; `cli` makes flags, variables and TOML keys of them. */
export const SETTINGS: readonly SettingDeclaration[] = [
  text("endpoint", "Address of the manager or of the web UI; several, comma-separated, are tried in turn"),
  text(
    "endpoint-type",
    "What the endpoint is: api (the manager, with a key pair) or session (the web UI, with a login)",
  ),
  text("access-key", "Access key of the key pair"),
  secret("secret-key", "Secret key of the key pair"),
  text("user", "User (e-mail) for the web login"),
  secret("password", "Password for the web login"),
  {
    ...secret("session", "A web login made earlier, as the login command stored it"),
    storedIn: "backend-ai-login.json",
  },
  text("domain", "Domain of the user"),
  text("group", "Project (group), as the platform's client has it; sessions are found without it"),
  {
    ...text(
      "via",
      "Way into the session: manager (default), app-proxy (a port of the app proxy), direct (SYSTEM sessions)",
    ),
    flag: "via",
  },
  text("ca-file", "PEM file of additional certificate authorities"),
  { ...text("insecure", "Do not verify TLS certificates"), kind: "boolean" },
  text("proxy", "HTTP proxy for API calls, or none"),
];

/** Prefixes of the platform's own client, in the order they count. */
export const CLIENT_PREFIXES = ["BACKEND_", "SORNA_"] as const;

const CLIENT_NAMES = [
  "ENDPOINT",
  "ENDPOINT_TYPE",
  "ACCESS_KEY",
  "SECRET_KEY",
  "USER",
  "PASSWORD",
  "DOMAIN",
  "GROUP",
  "SKIP_SSLCERT_VALIDATION",
  "CONNECTION_TIMEOUT",
] as const;

/** Name of a variable of the client without its prefix. */
export type ClientVariable = (typeof CLIENT_NAMES)[number];

/** Environment variables of the client, and those that name an HTTP proxy. */
export const CLIENT_VARIABLES: readonly string[] = [
  ...CLIENT_PREFIXES.flatMap((prefix) => CLIENT_NAMES.map((name) => prefix + name)),
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]),
];

function text(name: string, description: string): SettingDeclaration {
  const variable = `RUNTUNNEL_BACKEND_AI_${name.replaceAll("-", "_").toUpperCase()}`;
  return { key: `backend-ai.${name}`, variables: [variable], kind: "text", description };
}

function secret(name: string, description: string): SettingDeclaration {
  return { ...text(name, description), kind: "secret" };
}
