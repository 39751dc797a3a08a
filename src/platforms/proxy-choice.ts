// Which HTTP proxy an API call takes: the platform's own setting, else the proxy variables as curl and Python read them.
import { isIpAddress } from "../domain/endpoint.ts";
import { UsageError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";

/** A proxy for API calls; `url` holds no credentials. */
export type HttpProxy = {
  readonly url: string;
  /** Value of the `Proxy-Authorization` header. */
  readonly authorization?: Secret;
};

/** What decides on the proxy of one URL. */
export type ProxyWishes = {
  /** The platform's own proxy setting: taken for every host, loopback too. The words `none` and `direct` mean none. */
  readonly configured?: { readonly value: string; readonly source: string };
  readonly environment: Readonly<Record<string, string>>;
};

/** Decides on the proxy for a URL. The proxy variables never apply to loopback. Throws UsageError for an odd proxy URL. */
export function decideProxy(url: URL, wishes: ProxyWishes): HttpProxy | undefined {
  if (wishes.configured !== undefined && wishes.configured.value.trim() !== "") {
    const value = wishes.configured.value.trim();
    return value === "none" || value === "direct" ? undefined : parseHttpProxy(value, wishes.configured.source);
  }
  const name = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const found = findVariable(wishes.environment, name) ?? findVariable(wishes.environment, "all_proxy");
  if (found === undefined || isLoopback(url.hostname) || isExempt(url, wishes.environment)) return undefined;
  return parseHttpProxy(found.value, found.name);
}

/** Parses `http://[user:password@]host:port`; the scheme may be missing. `source` names the setting in the error. */
export function parseHttpProxy(text: string, source: string): HttpProxy {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === "" || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UsageError(`Cannot use the proxy given by ${source} for API calls`, {
      code: "bad-proxy",
      hint: "Write it as http://host:port, or as the word none for no proxy",
    });
  }
  const plain = `${url.protocol}//${url.host}`;
  if (url.username === "" && url.password === "") return { url: plain };
  const login = `${decodePercent(url.username)}:${decodePercent(url.password)}`;
  return { url: plain, authorization: new Secret(`Basic ${Buffer.from(login).toString("base64")}`) };
}

/** Whether the host is this machine by its name alone. */
function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Lower case wins, as with curl and Python. */
function findVariable(
  environment: Readonly<Record<string, string>>,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = environment[spelling]?.trim();
    if (value !== undefined && value !== "") return { name: spelling, value };
  }
  return undefined;
}

/** NO_PROXY: names match themselves and what is below them; a port, a leading dot, `*` and IPv4 networks are known. */
function isExempt(url: URL, environment: Readonly<Record<string, string>>): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const entries = (findVariable(environment, "no_proxy")?.value ?? "").toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => entry !== "" && matchesEntry(entry, host, port));
}

function matchesEntry(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const split = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry);
  if (split?.[3] !== undefined && split[3] !== port) return false;
  const name = (split?.[1] ?? split?.[2] ?? entry).replace(/^\*?\./, "");
  if (name.includes("/")) return isInIpv4Network(host, name);
  return host === name || (!isIpAddress(host) && host.endsWith(`.${name}`));
}

function isInIpv4Network(host: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  const length = Number(bits);
  if (!isIpAddress(host) || host.includes(":") || !isIpAddress(base) || base.includes(":")) return false;
  if (!/^\d{1,2}$/.test(bits) || length > 32) return false;
  const divisor = 2 ** (32 - length);
  return Math.floor(ipv4Number(host) / divisor) === Math.floor(ipv4Number(base) / divisor);
}

function ipv4Number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
