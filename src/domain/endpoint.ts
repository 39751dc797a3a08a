// Host and port, as people write them and as programs print them.
import { UsageError } from "./errors.ts";

/** A TCP endpoint; `host` is a name, an IPv4 address, or an IPv6 address without brackets. */
export type Endpoint = { readonly host: string; readonly port: number };

/** Highest TCP port. */
export const MAX_PORT = 65535;

/** `host:port`, with brackets around an IPv6 address (RFC 3986, section 3.2.2). */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${formatHost(endpoint.host)}:${endpoint.port}`;
}

/** The host as it stands before a colon: IPv6 addresses get brackets. */
export function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** What clients connect to: a tunnel that listens on all addresses is reached by the loopback one. */
export function connectHost(listenAddress: string): string {
  if (listenAddress === "0.0.0.0" || listenAddress === "localhost") return "127.0.0.1";
  return listenAddress === "::" ? "::1" : listenAddress;
}

/** Parses `host`, `host:port` or `[v6]:port`. Throws UsageError, naming `what` the text was meant to be. */
export function parseEndpoint(text: string, what: string, defaultPort?: number): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^\s:[\]/@]+))(?::(\d{1,5}))?$/.exec(text);
  const bracketed = match?.[1] !== undefined && isIpv6Address(match[1]) ? match[1] : undefined;
  const host = bracketed ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port === undefined || port < 1 || port > MAX_PORT) {
    throw new UsageError(`Cannot read ${what} "${text}"`, {
      hint: "Write it as host:port, for example proxy.example:3128",
    });
  }
  return { host, port };
}

/** Whether the text is an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  return isIpv4Address(text) || isIpv6Address(text);
}

/** Without leading zeros, which some systems read as octal. */
function isIpv4Address(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** RFC 4291, section 2.2: eight groups, one run of them may be `::`, the last two may be an IPv4 address; with a zone. */
function isIpv6Address(text: string): boolean {
  const address = text.replace(/%[\w.-]+$/, "");
  const halves = address.split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const tail = halves.at(-1) === "" ? undefined : groups.at(-1);
  const hasIpv4 = tail !== undefined && isIpv4Address(tail);
  const count = groups.length + (hasIpv4 ? 1 : 0);
  const isLongEnough = halves.length === 2 ? count <= 7 : halves.length === 1 && count === 8;
  return isLongEnough && groups.slice(0, hasIpv4 ? -1 : undefined).every((group) => /^[0-9a-fA-F]{1,4}$/.test(group));
}
