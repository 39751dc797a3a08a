// What went wrong with an API call, told by the hop where it happened. Pure.
import { type AppError, AuthError, NotFoundError, systemErrorCode, UnreachableError } from "../domain/errors.ts";
import type { Secret } from "../domain/secret.ts";
import { describeForeignPage, quoteForeign } from "./foreign-text.ts";

/** Whom we called, for messages. */
export type HttpTarget = {
  /** For people: `Cloud Pipeline API`. */
  readonly service: string;
  /** Address without credentials and query. */
  readonly address: string;
  /** Address of the proxy in between, without credentials. */
  readonly proxy: string | undefined;
  /** What to do when the login is refused. */
  readonly loginHint: string;
  /** What to do when the server's certificate is not trusted. */
  readonly tlsHint: string;
  /** Never to appear in quoted texts. */
  readonly secrets: readonly Secret[];
};

const UNKNOWN_AUTHORITY = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
];

/** Translates what fetch threw. */
export function explainFailure(error: unknown, target: HttpTarget): AppError {
  const code = systemErrorCode(error) ?? "";
  if (code === "ENOTFOUND" || code.startsWith("EAI_")) return explainDns(error, target, code);
  if (code === "ERR_PROXY_TUNNEL") return explainProxyRefusal(statusOf(error), target, error);
  const tls = explainTls(code, error, target);
  if (tls !== undefined) return tls;
  if (code === "ECONNREFUSED") {
    return new UnreachableError(`Cannot reach ${nextHop(target)}: connection refused`, {
      code: "connection-refused",
      hop: target.proxy === undefined ? "api" : "proxy-tcp",
      hint: "Check the address, your network and VPN",
      cause: error,
    });
  }
  if (code === "Malformed_HTTP_Response") {
    return new UnreachableError(`${capital(nextHop(target))} does not speak HTTP`, {
      code: "not-http",
      hop: "api",
      hint: "Check the address and its port",
      cause: error,
      transient: false,
    });
  }
  const reason = code === "ECONNRESET" ? "the connection was closed before the answer was complete" : code;
  return new UnreachableError(`Cannot get an answer from ${nextHop(target)}: ${reason || "connection failed"}`, {
    code: "connection-failed",
    hop: target.proxy === undefined ? "api" : "proxy-tcp",
    hint: "Try again; if it stays so, check the address and what stands in between",
    cause: error,
  });
}

/** Translates an HTTP status that is no success; `text` is the body. */
export function explainStatus(status: number, text: string, target: HttpTarget): AppError {
  const where = `${target.service} at ${target.address}`;
  if (status === 407) return explainProxyRefusal(status, target, undefined);
  if (status === 401) {
    return new AuthError(`${where} refused the login (401)`, {
      code: "login-refused",
      hop: "api-login",
      hint: target.loginHint,
    });
  }
  if (status === 403) {
    return new AuthError(`${where} forbids the request (403)`, {
      code: "forbidden",
      hop: "api-login",
      hint: target.loginHint,
    });
  }
  if (status === 404) {
    return new NotFoundError(`${where} does not know the request (404)`, {
      code: "no-such-address",
      hop: "api",
      hint: "Check the address of the API",
    });
  }
  return new UnreachableError(`${where} failed with status ${status}: ${describeForeignPage(text, target.secrets)}`, {
    code: status === 429 ? "too-many-requests" : statusCode(status),
    hop: "api",
    hint: status >= 500 ? "The service is in trouble: try again later" : "Check the address of the API",
    transient: status >= 500 || status === 429,
  });
}

/** A server that is in trouble by itself, or one behind which nobody answers or wants to: that passes, the former may not. */
export function statusCode(status: number): string {
  return status >= 502 && status <= 504 ? "service-unavailable" : "server-error";
}

/** A redirect, which an API never needs: most often a login page for a token that is not accepted. */
export function explainRedirect(location: string, target: HttpTarget): AppError {
  const to = URL.parse(location, target.address);
  const shown = to === null ? quoteForeign(location, target.secrets) : `${to.protocol}//${to.host}`;
  const message = `${target.service} at ${target.address} redirects to "${shown}" instead of answering`;
  if (
    to !== null &&
    /login|logon|signin|sign-in|saml|sso|oauth|openid|adfs|auth|keycloak/i.test(to.host + to.pathname)
  ) {
    return new AuthError(message, { code: "login-page", hop: "api-login", hint: target.loginHint });
  }
  return new UnreachableError(message, {
    code: "redirected",
    hop: "api",
    hint: "Redirects are not followed, so that a token stays where it belongs: set the address that answers itself",
    transient: false,
  });
}

/** A successful status whose body is not JSON: a login page, a captive portal, a wrong address. */
export function explainNotJson(text: string, target: HttpTarget, cause: unknown): AppError {
  return new UnreachableError(
    `${target.service} at ${target.address} answered with ${describeForeignPage(text, target.secrets)} instead of JSON`,
    {
      code: "not-json",
      hop: "api",
      hint: "Check the address of the API, and that no login page of the network stands in between",
      cause,
      transient: false,
    },
  );
}

function explainDns(error: unknown, target: HttpTarget, code: string): AppError {
  const host = URL.parse(target.proxy ?? target.address)?.hostname ?? "";
  const reason = code === "ENOTFOUND" ? "no such name" : "the name server does not answer";
  return new UnreachableError(`Cannot find the address of "${host}": ${reason}`, {
    code: "dns-failed",
    hop: "dns",
    hint: "Check the name, your network and VPN",
    cause: error,
  });
}

function explainTls(code: string, error: unknown, target: HttpTarget): AppError | undefined {
  const fail = (name: string, reason: string, hint: string) =>
    new UnreachableError(`Cannot trust ${target.service} at ${target.address}: ${reason}`, {
      code: name,
      hop: "tls",
      hint,
      cause: error,
      transient: false,
    });
  if (UNKNOWN_AUTHORITY.includes(code)) {
    return fail("tls-unknown-authority", "its certificate comes from an unknown authority", target.tlsHint);
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    const reason = code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet";
    return fail("tls-expired", `its certificate ${reason}`, "Check this machine's clock, or ask for a new certificate");
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return fail("tls-wrong-name", "its certificate is for another name", "Use the name in the certificate");
  }
  if (code === "EPROTO")
    return fail("tls-failed", "it does not speak TLS on this port", "Check the port, or use http://");
  return /CERT|TLS|SSL/.test(code) ? fail("tls-failed", `TLS failed (${code})`, target.tlsHint) : undefined;
}

function explainProxyRefusal(status: number | undefined, target: HttpTarget, cause: unknown): AppError {
  const proxy = target.proxy ?? "in between";
  // Some proxies (tinyproxy) answer a wrong login with 401 and only a missing one with 407.
  if (status === 407 || status === 401) {
    return new AuthError(`The proxy ${proxy} wants another login for ${target.service} (${status})`, {
      code: "proxy-login-refused",
      hop: "proxy-login",
      hint: "Put user and password into the proxy's URL: http://user:password@host:port",
      cause,
    });
  }
  return new UnreachableError(`The proxy ${proxy} does not connect to ${target.address} (${status ?? "no answer"})`, {
    code: "proxy-refused",
    hop: "proxy-tcp",
    hint: "Ask whether the proxy may reach this address, or except it with NO_PROXY",
    cause,
  });
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("status" in error)) return undefined;
  return typeof error.status === "number" ? error.status : undefined;
}

function nextHop(target: HttpTarget): string {
  return target.proxy === undefined ? `${target.service} at ${target.address}` : `the proxy ${target.proxy}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
