// Says in our words what a proxy's refusal means.
import { type AppError, AuthError, UnreachableError } from "../../domain/errors.ts";
import { redact, type Secret } from "../../domain/secret.ts";
import { quoteForeign } from "../../streams/foreign-text.ts";
import type { ReplyHead } from "./reply-head.ts";

/** What the refused request was about. */
export type Asked = {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** `host:port` of the run. */
  readonly target: string;
  /** What the request held that must not come back in a message: some servers repeat what they were sent. */
  readonly secrets: readonly Secret[];
};

const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;

const TLS_HINT = "The proxy expects TLS: give its address with https://";

/** The error for a reply that is HTTP but no success. */
export function refusalError(head: ReplyHead, asked: Asked): AppError {
  const { status } = head;
  const said = quoteForeign(redact(head.statusLine, asked.secrets));
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
  // tinyproxy says "500 Unable to connect" where others say 502 or 503.
  if ((status >= 502 && status <= 504) || (status === 500 && /unable to connect/i.test(head.statusLine))) {
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
  const said = quoteForeign(redact(Buffer.from(start).toString("latin1"), asked.secrets));
  return new UnreachableError(`What answers at ${asked.proxy} is no HTTP proxy: ${said}`, {
    code: "proxy-not-http",
    hop: "proxy-tcp",
    hint: "Check the proxy's address and port",
  });
}

/** nginx: "The plain HTTP request was sent to HTTPS port"; Apache: "speaking plain HTTP to an SSL-enabled server port". */
function isTlsComplaint(body: Uint8Array): boolean {
  return /plain HTTP (?:request was sent )?to (?:an SSL-enabled|HTTPS)|HTTP request to an HTTPS server/i.test(
    Buffer.from(body).toString("latin1"),
  );
}
