// Says in our words what a proxy's refusal means.
import { type AppError, AuthError, UnreachableError } from "../../domain/errors.ts";
import type { ReplyHead } from "./reply-head.ts";

/** What the refused request was about. */
export type Asked = {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** `host:port` of the run. */
  readonly target: string;
};

const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;

/** Longest piece of foreign text in a message. */
const QUOTE_LENGTH = 120;

const TLS_HINT = "The proxy expects TLS: give its address with https://";

/** The error for a reply that is HTTP but no success. */
export function refusalError(head: ReplyHead, asked: Asked): AppError {
  const { status } = head;
  const said = quote(head.statusLine);
  if (status === 401) {
    return new AuthError(`Proxy ${asked.proxy} refuses the token or the account for ${asked.target}: ${said}`, {
      code: "proxy-token-refused",
      hop: "proxy-login",
      hint: "Renew the token, and check that you may use SSH on this run",
    });
  }
  if (status === 407) {
    return new AuthError(`Proxy ${asked.proxy} asks for credentials, or refuses the ones it got: ${said}`, {
      code: "proxy-login-needed",
      hop: "proxy-login",
      hint: "Set the proxy's user and password, or the platform's access token",
    });
  }
  if (status === 403) {
    return new AuthError(`Proxy ${asked.proxy} forbids a connection to ${asked.target}: ${said}`, {
      code: "proxy-forbids",
      hop: "proxy-login",
      hint: "Ask the proxy's administrator to allow this host and port",
    });
  }
  if (status >= 502 && status <= 504) {
    return new UnreachableError(`Proxy ${asked.proxy} cannot reach ${asked.target}: ${said}`, {
      code: "remote-port-refused",
      hop: "remote-port",
      hint: "Check that the run is up and that something listens on this port",
    });
  }
  const speaksTls = status === 400 && isTlsComplaint(head.rest);
  return new UnreachableError(`Proxy ${asked.proxy} does not open a tunnel to ${asked.target}: ${said}`, {
    code: speaksTls ? "proxy-speaks-tls" : "proxy-refuses",
    hop: "proxy-tcp",
    hint: speaksTls ? TLS_HINT : "Check that the address is that of an HTTP proxy that allows CONNECT",
  });
}

/** The error for bytes that are no HTTP. */
export function foreignReplyError(start: Uint8Array, asked: Asked): AppError {
  const isTls = (start[0] === TLS_ALERT || start[0] === TLS_HANDSHAKE) && (start[1] ?? 3) === 3;
  if (isTls) {
    return new UnreachableError(`Proxy ${asked.proxy} answers in TLS`, {
      code: "proxy-speaks-tls",
      hop: "proxy-tcp",
      hint: TLS_HINT,
    });
  }
  const said = quote(Buffer.from(start).toString("latin1"));
  return new UnreachableError(`What answers at ${asked.proxy} is no HTTP proxy: ${said}`, {
    code: "proxy-not-http",
    hop: "proxy-tcp",
    hint: "Check the proxy's address and port",
  });
}

/** Text of others, fit for a message: printable ASCII, short, in quotes. */
export function quote(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  const short = printable.length > QUOTE_LENGTH ? `${printable.slice(0, QUOTE_LENGTH)}...` : printable;
  return `"${short.replaceAll('"', "'")}"`;
}

/** nginx: "The plain HTTP request was sent to HTTPS port"; Apache: "speaking plain HTTP to an SSL-enabled server port". */
function isTlsComplaint(body: Uint8Array): boolean {
  return /plain HTTP (?:request was sent )?to (?:an SSL-enabled|HTTPS)|HTTP request to an HTTPS server/i.test(
    Buffer.from(body).toString("latin1"),
  );
}
