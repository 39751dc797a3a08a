// The proxy of a plain host as users write it: a URL, or the name of a platform whose proxy serves. Pure.
import { type Endpoint, formatEndpoint, MAX_PORT, parseEndpoint } from "../../domain/endpoint.ts";
import { UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";

/** Credentials taken out of a URL. */
export type UrlLogin = { readonly user: string; readonly password?: Secret };

/** What the setting says. `url` never holds credentials. */
export type ProxySetting =
  | { readonly kind: "direct" }
  | { readonly kind: "cloud-pipeline" }
  | { readonly kind: "http-connect"; readonly url: string; readonly tls: boolean; readonly login?: UrlLogin }
  | { readonly kind: "websocket"; readonly url: string; readonly tls: boolean; readonly login?: UrlLogin }
  | { readonly kind: "ssh-jump"; readonly url: string; readonly login: UrlLogin };

const HINT =
  "Write http://[user:password@]host:port, https://..., ws://..., wss://..., ssh://user@host[:22] or cloud-pipeline";

/** Parses the setting. Throws UsageError without quoting the text, which may hold a password. */
export function parseProxySetting(text: string, source: string): ProxySetting {
  const word = text.trim();
  if (word === "" || word === "none" || word === "direct") return { kind: "direct" };
  if (word === "cloud-pipeline") return { kind: "cloud-pipeline" };
  const parts = splitUrl(word);
  switch (parts?.scheme) {
    case "http":
    case "https":
      return parseConnectProxy(parts, source);
    case "ws":
    case "wss":
      return parseRelay(parts, source);
    case "ssh":
      return parseJumpHost(parts, source);
    default:
      throw refuse(source);
  }
}

/** The setting as `config show` prints it: without the password. */
export function maskProxySetting(text: string): string {
  try {
    const parsed = parseProxySetting(text, "");
    switch (parsed.kind) {
      case "direct":
      case "cloud-pipeline":
        return text.trim();
      case "ssh-jump":
        return parsed.url;
      case "http-connect":
      case "websocket":
        return parsed.login === undefined ? parsed.url : parsed.url.replace("//", "//[redacted]@");
    }
  } catch (error) {
    if (error instanceof UsageError) return "not understood";
    throw error;
  }
}

/** Host keys as users paste them: `SHA256:...`, base64, or a line of a known_hosts file; blanks or commas between. */
export function parseHostKeys(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => /^SHA256:[A-Za-z0-9+/]{43}=?$|^AAAA[A-Za-z0-9+/]+=*$/.test(word));
}

type UrlParts = {
  readonly scheme: string;
  readonly authority: string;
  /** Path, query and fragment as written; empty without a path. */
  readonly rest: string;
  readonly login?: UrlLogin;
};

/** Cuts a URL at its marks and changes nothing: the runtime's own parser would escape the placeholders of a path. */
function splitUrl(text: string): UrlParts | undefined {
  const match = /^([a-z]+):\/\/([^/?#\s]+)([/?#]\S*)?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = "", authority = "", path = ""] = match;
  const at = authority.lastIndexOf("@");
  return {
    scheme: scheme.toLowerCase(),
    authority: authority.slice(at + 1),
    rest: path === "/" ? "" : path,
    ...(at === -1 ? {} : { login: parseLogin(authority.slice(0, at)) }),
  };
}

function parseConnectProxy({ scheme, authority, rest, login }: UrlParts, source: string): ProxySetting {
  if (rest !== "") throw refuse(source);
  const url = `${scheme}://${formatEndpoint(readEndpoint(authority, scheme === "http" ? 80 : 443, source))}`;
  return { kind: "http-connect", url, tls: scheme === "https", ...(login === undefined ? {} : { login }) };
}

function parseRelay({ scheme, authority, rest, login }: UrlParts, source: string): ProxySetting {
  const endpoint = formatEndpoint(readEndpoint(authority, scheme === "ws" ? 80 : 443, source));
  const path = rest.replace(/#.*$/, "");
  const url = `${scheme}://${endpoint}${path.startsWith("/") ? path : `/${path}`}`;
  return { kind: "websocket", url, tls: scheme === "wss", ...(login === undefined ? {} : { login }) };
}

function parseJumpHost({ authority, rest, login }: UrlParts, source: string): ProxySetting {
  if (rest !== "") throw refuse(source);
  const endpoint = readEndpoint(authority, 22, source);
  if (login === undefined || login.user === "") {
    throw new UsageError(`The jump host given by ${source} names no user`, { hint: "Write ssh://user@host[:22]" });
  }
  return { kind: "ssh-jump", url: `ssh://${encodeURIComponent(login.user)}@${formatEndpoint(endpoint)}`, login };
}

/** Refuses by itself what parseEndpoint would quote: a password with a slash in it ends up here in part. */
function readEndpoint(authority: string, defaultPort: number, source: string): Endpoint {
  const port = /:(\d{1,5})$/.exec(authority)?.[1];
  const isReadable = /^(?:\[[0-9a-fA-F:.%]+\]|[^\s:[\]]+)(?::\d{1,5})?$/.test(authority);
  if (!isReadable || (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT))) throw refuse(source);
  return parseEndpoint(authority, "proxy", defaultPort);
}

function parseLogin(text: string): UrlLogin {
  const colon = text.indexOf(":");
  if (colon === -1) return { user: decodePercent(text) };
  return { user: decodePercent(text.slice(0, colon)), password: new Secret(decodePercent(text.slice(colon + 1))) };
}

/** A stray percent sign is a character of the password like any other. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refuse(source: string): UsageError {
  return new UsageError(`Cannot read the proxy given by ${source}`, { hint: HINT });
}
