// Reads a proxy request the way nginx with its CONNECT module does, refusals included.
import { MAX_PORT } from "../../domain/endpoint.ts";

/** What EDGE understood. */
export type EdgeRequest =
  | {
      readonly kind: "connect";
      readonly host: string;
      readonly port: number;
      readonly proxyAuthorization: string | undefined;
    }
  | { readonly kind: "refuse"; readonly status: 400 | 404 | 505 };

/** A request's head and what came behind it. */
export type RequestHead = { readonly head: string; readonly rest: Buffer };

/** Bytes that may still become a request: a method, cut anywhere, or a whole one with a blank behind it. */
const BEGINNING = /^[\r\n]*(?:[A-Z_-]*$|[A-Z_-]+ )/;

/** Splits off the head once its blank line has arrived; lines may end in LF alone. What cannot become a request is a head
 * at once: nobody should wait for the end of garbage. */
export function splitHead(bytes: Buffer): RequestHead | undefined {
  const text = bytes.toString("latin1");
  if (!BEGINNING.test(text)) return { head: text, rest: Buffer.alloc(0) };
  const end = /\n\r?\n/.exec(text);
  if (end === null) return undefined;
  const length = end.index + end[0].length;
  return { head: text.slice(0, end.index), rest: bytes.subarray(length) };
}

/** Parses a head into what to do. */
export function parseEdgeRequest(head: string): EdgeRequest {
  const [requestLine = "", ...lines] = head.replace(/^[\r\n]+/, "").split(/\r?\n/);
  const [, method, target, major] = /^([A-Z]+) (\S+) HTTP\/(\d+)\.\d+\r?$/.exec(requestLine) ?? [];
  if (method === undefined || target === undefined) return { kind: "refuse", status: 400 };
  if (Number(major) > 1) return { kind: "refuse", status: 505 };
  const headers = parseHeaders(lines);
  if (/HTTP\/1\.0\r?$/.test(requestLine) === false && !headers.get("host")) return { kind: "refuse", status: 400 };
  if (method !== "CONNECT") return { kind: "refuse", status: 404 };
  const endpoint = parseTarget(target);
  if (endpoint === undefined) return { kind: "refuse", status: 400 };
  return { kind: "connect", ...endpoint, proxyAuthorization: headers.get("proxy-authorization") };
}

/** First of each name counts. */
function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+):[ \t]*(.*?)[ \t\r]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const key = name.toLowerCase();
    if (!headers.has(key)) headers.set(key, value);
  }
  return headers;
}

/** `host:port`; the host may hold letters, digits, dots and hyphens, or be an IPv6 address in brackets. */
function parseTarget(target: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > MAX_PORT ? undefined : { host, port };
}
