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

/** Parses `host`, `host:port` or `[v6]:port`. Throws UsageError, naming `what` the text was meant to be. */
export function parseEndpoint(text: string, what: string, defaultPort?: number): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]/@]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
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

function isIpv4Address(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

function isIpv6Address(text: string): boolean {
  return text.includes(":") && /^[0-9a-fA-F:.]+(?:%[\w.]+)?$/.test(text) && !/:::|::.*::/.test(text);
}
