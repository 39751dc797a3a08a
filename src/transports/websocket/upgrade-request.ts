// The opening handshake of a WebSocket client (RFC 6455, section 4), as text. Pure but for the random key.
import { createHash, randomBytes } from "node:crypto";
import { AuthError, UnreachableError, UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { ResponseHead } from "./response-head.ts";

/** Where to send the upgrade. */
export type UpgradeTarget = {
  readonly isTls: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Exact value of the Host header. */
  readonly host: string;
  /** Path and query as on the wire. */
  readonly target: string;
  /** For messages: no query, since it may hold tokens. */
  readonly shown: string;
};

/** A request and the answer that proves the server understood it. */
export type UpgradeRequest = {
  readonly text: string;
  readonly accept: string;
  readonly protocols: readonly string[];
  /** What the request holds that must not come back in a message: some servers repeat what they were sent. */
  readonly secrets: readonly Secret[];
};

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Headers that make the handshake and that nobody else may set. */
const OWN_HEADERS = [
  "host",
  "connection",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-extensions",
];

/** Reads an address, filling in `{host}` and `{port}`. Throws UsageError for anything but ws:// and wss://. */
export function parseUpgradeTarget(address: string, host: string, port: number): UpgradeTarget {
  const filled = address.replaceAll("{host}", encodeURIComponent(host)).replaceAll("{port}", String(port));
  const url = URL.parse(filled);
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:") || url.hostname === "") {
    throw new UsageError(`Cannot use "${address.replace(/\?.*$/s, "")}" as the address of a WebSocket relay`, {
      hint: "Write it as wss://relay.example/path; {host} and {port} stand for the remote host and port",
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("The address of a WebSocket relay must not hold a user name or password");
  }
  const isTls = url.protocol === "wss:";
  return {
    isTls,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    host: url.host,
    target: url.pathname + url.search,
    shown: `${url.protocol}//${url.host}${url.pathname}`,
  };
}

/** The request for a target with additional headers. Throws AuthError where a header could not be sent as it is. */
export function renderUpgradeRequest(target: UpgradeTarget, headers: Readonly<Record<string, string>>): UpgradeRequest {
  const key = randomBytes(16).toString("base64");
  const lines = [
    `GET ${target.target} HTTP/1.1`,
    `Host: ${target.host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
  ];
  const protocols: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (OWN_HEADERS.includes(name.toLowerCase())) continue;
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new AuthError(`Cannot send the header "${name.replace(/[^\w-]/g, "?")}": it holds forbidden characters`, {
        code: "bad-header",
        hop: "proxy-login",
      });
    }
    if (name.toLowerCase() === "sec-websocket-protocol") protocols.push(...value.split(/\s*,\s*/));
    lines.push(`${name}: ${value}`);
  }
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  return { text: `${lines.join("\r\n")}\r\n\r\n`, accept, protocols, secrets: secretsOf(target, headers) };
}

/** The query, and what authorises: values of headers, whole and word by word, and a cookie's without its name. */
function secretsOf(target: UpgradeTarget, headers: Readonly<Record<string, string>>): readonly Secret[] {
  const query = target.target.split("?").slice(1).join("?");
  const values = Object.entries(headers).flatMap(([name, value]) => {
    if (!/auth|cookie|session|token|secret|key/i.test(name)) return [];
    if (name.toLowerCase() !== "cookie") return [value, ...value.split(" ").slice(1)];
    return [value, ...value.split(/;\s*/).map((pair) => pair.slice(pair.indexOf("=") + 1))];
  });
  return [query, ...values].map((text) => new Secret(text));
}

/** The error for a 101 that is not the answer to our request. */
export function findUpgradeFault(
  head: ResponseHead,
  request: UpgradeRequest,
  shown: string,
): UnreachableError | undefined {
  const fault = findFault(head, request);
  if (fault === undefined) return undefined;
  return new UnreachableError(`${shown} does not complete the WebSocket handshake: ${fault}`, {
    code: "bad-handshake",
    hop: "proxy-tcp",
    hint: "Check the address of the relay",
    transient: false,
  });
}

function findFault(head: ResponseHead, request: UpgradeRequest): string | undefined {
  if (head.headers.get("upgrade")?.toLowerCase() !== "websocket") return "it switches to another protocol";
  if (head.headers.get("sec-websocket-accept") !== request.accept) return "its answer belongs to another request";
  if (head.headers.has("sec-websocket-extensions")) return "it wants an extension that nobody offered";
  const protocol = head.headers.get("sec-websocket-protocol");
  // `binary` only names what we do anyway; some relays say it unasked.
  if (protocol === undefined || protocol === "binary" || request.protocols.includes(protocol)) return undefined;
  return "it wants a subprotocol that nobody offered";
}
