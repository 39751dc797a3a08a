// Who we are at which Backend.AI: our settings, then BACKEND_* and SORNA_*, then the client's files. Pure.
// A `.env` of the working directory, which the platform's client lets win, is not read: a folder must not configure us.
import { parse, TomlError } from "smol-toml";
import { AuthError, UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Settings, SettingValue } from "../../domain/setting.ts";
import { parseSwitch } from "../setting-values.ts";
import { CLIENT_PREFIXES, type ClientVariable } from "./settings.ts";
import type { KeyPair } from "./signing.ts";
import { decodeWebSession, type WebSession } from "./web-session.ts";

/** A file of the client, as read. */
export type ClientFile = { readonly path: string; readonly text: string };

/** All that can say something about the configuration. */
export type ConfigSources = {
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string>>;
  /** `~/.backend.ai/credentials.toml` and `config.toml`, those that exist, in the order they count. */
  readonly files: readonly ClientFile[];
};

/** The three ways into a session. */
export type Way = "manager" | "app-proxy" | "direct";

/** How to prove who we are. */
export type Identity =
  | { readonly kind: "key-pair"; readonly keys: KeyPair }
  | {
      readonly kind: "web-login";
      readonly session?: WebSession;
      readonly login?: { readonly user: string; readonly password: Secret };
    };

/** The configuration, decided. */
export type BackendAiConfig = {
  readonly endpoints: readonly URL[];
  readonly identity: Identity;
  readonly domain: string;
  readonly group: string | undefined;
  readonly way: Way;
  readonly verifyTls: boolean;
  readonly caFile: SettingValue | undefined;
  readonly proxy: SettingValue | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** For hints: where the key pair or login came from. */
  readonly identitySource: string;
};

/** One value by the name of our setting, with its source; undefined where nobody says anything. */
export type FindValue = (name: string) => SettingValue | undefined;

/** What our settings are called in the client's environment and files. */
const CLIENT_SPELLINGS: Readonly<Record<string, { readonly variable?: ClientVariable; readonly field?: string }>> = {
  endpoint: { variable: "ENDPOINT", field: "endpoint" },
  "endpoint-type": { variable: "ENDPOINT_TYPE", field: "endpoint_type" },
  "access-key": { variable: "ACCESS_KEY", field: "access_key" },
  "secret-key": { variable: "SECRET_KEY", field: "secret_key" },
  user: { variable: "USER" },
  password: { variable: "PASSWORD" },
  domain: { variable: "DOMAIN" },
  group: { variable: "GROUP" },
  insecure: { variable: "SKIP_SSLCERT_VALIDATION", field: "skip_ssl_verification" },
  "connection-timeout": { variable: "CONNECTION_TIMEOUT" },
};

/** Where the platform's client goes when told nothing. */
const DEFAULT_ENDPOINT = "https://api.cloud.backend.ai";

/** Weighs the sources. Throws UsageError for a file that cannot be read as TOML. */
export function findValues(sources: ConfigSources): FindValue {
  const tables = sources.files.map((file) => ({ file, table: readTable(file) }));
  return (name) => {
    const own = sources.settings.find(`backend-ai.${name}`);
    if (own !== undefined) return own;
    const spelling = CLIENT_SPELLINGS[name];
    for (const prefix of CLIENT_PREFIXES) {
      const variable = `${prefix}${spelling?.variable}`;
      const value = sources.environment[variable]?.trim();
      if (spelling?.variable !== undefined && value) return { value, source: variable };
    }
    for (const { file, table } of tables) {
      const value = spelling?.field === undefined ? undefined : table[spelling.field];
      if (value !== undefined && value !== null && value !== "")
        return { value: fileText(value, file), source: file.path };
    }
    return undefined;
  };
}

/** The configuration, checked. Throws AuthError where no credentials are found, UsageError for values that make no sense. */
export function decideConfig(find: FindValue): BackendAiConfig {
  const endpoint = find("endpoint") ?? { value: DEFAULT_ENDPOINT, source: "default" };
  const { identity, source } = decideIdentity(find);
  const group = find("group")?.value;
  return {
    endpoints: parseEndpoints(endpoint),
    identity,
    identitySource: source,
    domain: parseDomain(find("domain")),
    group,
    way: parseWay(find("via")),
    verifyTls: !parseSwitch(find("insecure")),
    caFile: find("ca-file"),
    proxy: find("proxy"),
    connectTimeoutMs: parseSeconds(find("connection-timeout")),
  };
}

/** Whether credentials of either kind are there. */
export function hasCredentials(find: FindValue): boolean {
  if (find("access-key") !== undefined && find("secret-key") !== undefined) return true;
  if (find("session") !== undefined) return true;
  return isWebEndpoint(find) && find("user") !== undefined && find("password") !== undefined;
}

/** Parses the comma-separated list of endpoints. */
export function parseEndpoints(setting: SettingValue): readonly URL[] {
  const urls = setting.value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => parseAddress(part, setting.source));
  if (urls.length > 0) return urls;
  throw new UsageError(`The Backend.AI endpoint given by ${setting.source} is empty`, { hint: ENDPOINT_HINT });
}

const ENDPOINT_HINT = "Write it as https://api.example.com";

function parseAddress(text: string, source: string): URL {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  if (url === null || url.hostname === "" || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(`Cannot read the Backend.AI endpoint "${text}" given by ${source}`, { hint: ENDPOINT_HINT });
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(`The Backend.AI endpoint given by ${source} holds a user name or password`, {
      hint: "Leave them out; set the access key and secret key instead",
    });
  }
  return url;
}

function decideIdentity(find: FindValue): { readonly identity: Identity; readonly source: string } {
  if (isWebEndpoint(find)) return decideWebLogin(find);
  const accessKey = find("access-key");
  const secretKey = find("secret-key");
  if (accessKey === undefined || secretKey === undefined) {
    throw new AuthError(`The ${accessKey === undefined ? "access key" : "secret key"} for Backend.AI is not set`, {
      code: "no-credentials",
      hop: "api-login",
      hint: 'Run "runtunnel init", or set BACKEND_ENDPOINT, BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY (the web UI shows the key pair under Credentials)',
    });
  }
  if (!/^[\x21-\x7e]+$/.test(accessKey.value)) {
    throw new AuthError(`The access key from ${accessKey.source} holds blanks or characters that no access key has`, {
      code: "bad-access-key",
      hop: "api-login",
      hint: "Copy it anew from the web UI (Credentials)",
    });
  }
  const keys = { accessKey: accessKey.value, secretKey: new Secret(secretKey.value) };
  return { identity: { kind: "key-pair", keys }, source: secretKey.source };
}

function decideWebLogin(find: FindValue): { readonly identity: Identity; readonly source: string } {
  const stored = find("session");
  const user = find("user");
  const password = find("password");
  const login =
    user === undefined || password === undefined
      ? undefined
      : { user: user.value, password: new Secret(password.value) };
  if (stored === undefined && login === undefined) {
    throw new AuthError("There is no login at the Backend.AI web UI", {
      code: "no-credentials",
      hop: "api-login",
      hint: "Log in first, set BACKEND_USER and BACKEND_PASSWORD, or set BACKEND_ENDPOINT_TYPE=api and a key pair",
    });
  }
  return {
    identity: {
      kind: "web-login",
      ...(stored === undefined ? {} : { session: decodeWebSession(stored) }),
      ...(login === undefined ? {} : { login }),
    },
    source: stored?.source ?? password?.source ?? "",
  };
}

function isWebEndpoint(find: FindValue): boolean {
  const type = find("endpoint-type");
  if (type === undefined) return find("session") !== undefined && find("access-key") === undefined;
  if (type.value === "session") return true;
  if (type.value === "api") return false;
  throw new UsageError(`Cannot read the endpoint type "${type.value}" given by ${type.source}`, {
    hint: "Write api (the manager, with a key pair) or session (the web UI, with a login)",
  });
}

function parseWay(setting: SettingValue | undefined): Way {
  const value = setting?.value ?? "manager";
  if (value === "manager" || value === "app-proxy" || value === "direct") return value;
  throw new UsageError(`Cannot read the way "${value}" given by ${setting?.source}`, {
    hint: "Write manager, app-proxy or direct",
  });
}

/** Names may be in any script, but not break a header. */
function parseDomain(setting: SettingValue | undefined): string {
  const domain = setting?.value.trim() ?? "default";
  if (!/\p{Cc}/u.test(domain)) return domain;
  throw new UsageError(`The domain given by ${setting?.source} holds control characters`);
}

function parseSeconds(setting: SettingValue | undefined): number | undefined {
  const seconds = Number(setting?.value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

function readTable(file: ClientFile): Readonly<Record<string, unknown>> {
  const document = parseToml(file.text);
  if (document.kind === "broken") {
    const line = document.line === undefined ? "" : ` at line ${document.line}`;
    throw new UsageError(`Cannot read "${file.path}": not valid TOML${line}`, {
      code: "bad-client-file",
      hint: "Mend the file, or set BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY instead",
    });
  }
  const table = document.value["backend-ai"];
  return typeof table === "object" && table !== null ? { ...table } : {};
}

type TomlDocument =
  | { readonly kind: "table"; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: "broken"; readonly line: number | undefined };

/** The parser's error quotes the line, which may hold the secret key: only its number goes on. */
function parseToml(text: string): TomlDocument {
  try {
    return { kind: "table", value: parse(text) };
  } catch (error) {
    return { kind: "broken", line: error instanceof TomlError ? error.line : undefined };
  }
}

function fileText(value: unknown, file: ClientFile): string {
  if (typeof value === "string") return value.trim();
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  throw new UsageError(`A value in "${file.path}" is neither text nor a switch`, { hint: "Mend the file" });
}
