// A plain host: no service to ask, only an address and perhaps something in between.
import { isIP } from "node:net";
import { UsageError } from "../../domain/errors.ts";
import type { Route, SshLogin, TlsOptions, Via } from "../../domain/route.ts";
import type { Claim } from "../../domain/run-name.ts";
import { Secret } from "../../domain/secret.ts";
import type { ConfigurationRow, SettingDeclaration, Settings, SettingValue } from "../../domain/setting.ts";
import type { Platform, PlatformContext, ResolvedRun, ResolveOptions } from "../platform.ts";
import { parseSwitch, readAuthorityFile, readSettingFile, urlSecrets } from "../setting-values.ts";
import { maskProxySetting, parseHostKeys, parseProxySetting, type UrlLogin } from "./proxy-setting.ts";

/** What the platform borrows from others. */
export type PlainHostOptions = {
  /** A route through the proxy of Cloud Pipeline, for `--proxy cloud-pipeline`. */
  readonly edgeRoute: (host: string, options: ResolveOptions, context: PlatformContext) => Promise<Route>;
};

const SETTINGS: readonly SettingDeclaration[] = [
  {
    key: "host.proxy",
    variables: ["RUNTUNNEL_PROXY"],
    flag: "proxy",
    kind: "text",
    description: "Way to plain hosts: http(s)://, ws(s)://, ssh://user@jump, or cloud-pipeline for its EDGE proxy",
  },
  declare("proxy-user", "PROXY_USER", "text", "User name at the proxy"),
  declare("proxy-password", "PROXY_PASSWORD", "secret", "Password at the proxy"),
  declare("proxy-ca-file", "PROXY_CA_FILE", "text", "PEM file of additional authorities for the proxy's certificate"),
  declare("proxy-insecure", "PROXY_INSECURE", "boolean", "Do not check the proxy's certificate"),
  declare("jump-identity", "JUMP_IDENTITY", "text", "Private key file for the SSH jump host"),
  declare("jump-password", "JUMP_PASSWORD", "secret", "Password at the SSH jump host, or of its private key"),
  declare("jump-host-key", "JUMP_HOST_KEY", "text", "Host key of the SSH jump host, SHA256:... or base64"),
];

/** Makes the platform of plain hosts. */
export function createPlainHost(borrowed: PlainHostOptions): Platform {
  return {
    name: "host",
    prefix: "host",
    title: "Plain host",
    settings: SETTINGS,
    clientVariables: [],
    recognise: recogniseHost,
    displayName: (id) => id,
    isConfigured: async () => true,
    describeConfiguration: async (context) => SETTINGS.map((setting) => describe(setting, context)),
    findSecrets: async ({ settings }) => findSecrets(settings),
    resolve: async (id, options, context) => describeRun(id, options, await findRoute(id, options, context, borrowed)),
  };
}

/** Reads a host by its form: addresses for certain, names with a dot likely, bare words possibly. Digits alone are no
 * host: systems would take them for an address of one number. */
export function recogniseHost(name: string): { readonly id: string; readonly claim: Claim } | undefined {
  const address = /^\[(.+)\]$/.exec(name)?.[1] ?? name;
  if (isIP(address) !== 0) {
    return { id: address.toLowerCase(), claim: "certain" };
  }
  const host = name.replace(/\.$/, "").toLowerCase();
  const labels = host.split(".");
  if (host.length > 253 || !labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label))) return undefined;
  if (/^\d+$/.test(labels.at(-1) ?? "")) return undefined;
  return { id: host, claim: labels.length > 1 || host === "localhost" ? "likely" : "possible" };
}

function findSecrets(settings: Settings): readonly Secret[] {
  const proxy = settings.find("host.proxy");
  const values = SETTINGS.filter(({ kind }) => kind === "secret").map(({ key }) => settings.find(key)?.value);
  return [
    ...values.filter((value) => value !== undefined).map((value) => new Secret(value)),
    ...(proxy === undefined ? [] : urlSecrets(proxy.value)),
  ];
}

async function findRoute(
  host: string,
  options: ResolveOptions,
  context: PlatformContext,
  borrowed: PlainHostOptions,
): Promise<Route> {
  const setting = context.settings.find("host.proxy");
  if (options.direct || setting === undefined) return { transport: "direct", host };
  const proxy = parseProxySetting(setting.value, setting.source);
  switch (proxy.kind) {
    case "direct":
      return { transport: "direct", host };
    case "cloud-pipeline":
      return borrowed.edgeRoute(host, options, context);
    case "http-connect":
    case "websocket": {
      const header = proxy.kind === "http-connect" ? "Proxy-Authorization" : "Authorization";
      const headers = basicHeaders(header, decideLogin(proxy.login, context));
      const tls = proxy.tls ? { tls: await readTls(context) } : {};
      return { transport: proxy.kind, host, via: { url: proxy.url, ...headers, ...tls } };
    }
    case "ssh-jump":
      return {
        transport: "ssh-jump",
        host,
        via: { url: proxy.url, login: await readJumpLogin(proxy.login, context) },
      };
  }
}

function describeRun(host: string, options: ResolveOptions, route: Route): ResolvedRun {
  return {
    platform: "host",
    id: host,
    name: host,
    incarnation: host,
    route,
    // Nobody hands out a login here: only a key of the user's own opens the host.
    ...(options.identityGiven ? { ssh: { accounts: [], system: "linux" } } : {}),
    notes: [],
  };
}

/** The settings for user and password win over what the URL holds. */
function decideLogin(login: UrlLogin | undefined, context: PlatformContext): UrlLogin | undefined {
  const user = context.settings.find("host.proxy-user")?.value ?? login?.user;
  const setting = context.settings.find("host.proxy-password");
  const password = setting === undefined ? login?.password : new Secret(setting.value);
  if (user === undefined) {
    if (password === undefined) return undefined;
    throw new UsageError("A password for the proxy is set, but no user", { hint: "Set host.proxy-user" });
  }
  if (user.includes(":")) throw new UsageError("A user name at a proxy cannot hold a colon");
  return password === undefined ? { user } : { user, password };
}

function basicHeaders(header: string, login: UrlLogin | undefined): Pick<Via, "headers"> {
  if (login === undefined) return {};
  const text = `${login.user}:${login.password?.reveal() ?? ""}`;
  const value = new Secret(`Basic ${Buffer.from(text).toString("base64")}`);
  return { headers: () => ({ [header]: value.reveal() }) };
}

async function readTls(context: PlatformContext): Promise<TlsOptions> {
  const caFile = context.settings.find("host.proxy-ca-file");
  const verify = !parseSwitch(context.settings.find("host.proxy-insecure"));
  if (caFile === undefined) return { verify };
  return { verify, certificateAuthority: await readAuthorityFile(caFile, context.homeFolder) };
}

async function readJumpLogin(login: UrlLogin, context: PlatformContext): Promise<SshLogin> {
  const identity = context.settings.find("host.jump-identity");
  const setting = context.settings.find("host.jump-password");
  const password = setting === undefined ? login.password : new Secret(setting.value);
  const hostKeys = readHostKeys(context.settings.find("host.jump-host-key"));
  const privateKey =
    identity === undefined
      ? undefined
      : new Secret(await readSettingFile(identity, context.homeFolder, "private key file"));
  if (privateKey === undefined && password === undefined) {
    throw new UsageError("No login for the SSH jump host is configured", {
      hint: "Set host.jump-identity (RUNTUNNEL_JUMP_IDENTITY) to a private key file, or host.jump-password",
    });
  }
  return {
    user: login.user,
    ...(password === undefined ? {} : { password }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(privateKey === undefined || password === undefined ? {} : { passphrase: password }),
    ...(hostKeys === undefined ? {} : { hostKeys }),
  };
}

function readHostKeys(setting: SettingValue | undefined): readonly string[] | undefined {
  if (setting === undefined) return undefined;
  const keys = parseHostKeys(setting.value);
  if (keys.length > 0) return keys;
  throw new UsageError(`Cannot read the host key given by ${setting.source}`, {
    hint: "Write SHA256:... as ssh-keygen -lf prints it, or the base64 part of a known_hosts line",
  });
}

function describe(setting: SettingDeclaration, context: PlatformContext): ConfigurationRow {
  const found = context.settings.find(setting.key);
  if (found === undefined) return { key: setting.key, source: "not set" };
  const value = setting.key === "host.proxy" ? maskProxySetting(found.value) : found.value;
  return { key: setting.key, value: setting.kind === "secret" ? "[redacted]" : value, source: found.source };
}

function declare(
  name: string,
  variable: string,
  kind: SettingDeclaration["kind"],
  description: string,
): SettingDeclaration {
  return { key: `host.${name}`, variables: [`RUNTUNNEL_${variable}`], kind, description };
}
