// Why a WebSocket upgrade was not granted, by hop, in plain words. Pure.
import { type AppError, AuthError, type Hop, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import { CLOSE } from "./frames.ts";
import type { ResponseHead } from "./response-head.ts";

/** What a refused upgrade left behind. */
export type Refusal = {
  readonly head: ResponseHead;
  /** Beginning of the body, decoded. */
  readonly body: string;
  /** Address for messages. */
  readonly shown: string;
};

/** The error for an answer other than 101. */
export function explainRefusal(refusal: Refusal): AppError {
  const { head, shown } = refusal;
  const { status } = head;
  const said = describeRefusal(refusal);
  if (status >= 300 && status < 400) return explainRedirect(refusal);
  const isAuthProblem = /\/(?:invalid-auth-params|auth-failed)$/.test(readProblem(refusal.body)?.type ?? "");
  if (status === 401 || status === 403 || status === 407 || isAuthProblem) {
    return new AuthError(`${shown} refused the login (${status}): ${said}`, {
      code: "login-refused",
      hop: "proxy-login",
      hint: "Check the credentials, and that the clock of this computer is right",
    });
  }
  if (status === 404) return explainMissing(refusal, said);
  if (status === 429) {
    return new UnreachableError(`${shown} refused the connection: too many requests`, {
      code: "too-many-requests",
      hop: "proxy-login",
      hint: describeRetryAfter(head.headers.get("retry-after")),
    });
  }
  if (status >= 500) return explainServerError(refusal, said);
  if (status === 200) {
    return unusable(`${shown} answered with ${said} instead of switching to WebSocket`, "not-a-relay");
  }
  return unusable(`${shown} refused the connection (${status}): ${said}`, "upgrade-refused");
}

/** The error for a close frame that tells of a failure; undefined where the far side ended in order. */
export function explainClose(code: number, reason: string, shown: string): AppError | undefined {
  const said = reason === "" ? "" : `: "${clean(reason)}"`;
  switch (code) {
    case CLOSE.normal:
    case CLOSE.goingAway:
    case CLOSE.noStatus:
      return undefined;
    case CLOSE.tryAgainLater:
      return remoteError(`Nothing listens on the remote port${said}`, "remote-port-refused");
    case CLOSE.internalError:
      return remoteError(`The relay ${shown} cannot reach the remote port${said}`, "remote-port-refused");
    case CLOSE.tooBig:
      return unusable(`The relay ${shown} found a message too big${said}`, "message-too-big");
    default:
      return new UnreachableError(`The relay ${shown} closed the connection with code ${code}${said}`, {
        code: "closed-by-relay",
        hop: "proxy-tcp",
      });
  }
}

function remoteError(message: string, code: string): AppError {
  return new UnreachableError(message, {
    code,
    hop: "remote-port",
    hint: "Check that the service in the run has started, and its port",
  });
}

function explainRedirect({ head, shown }: Refusal): AppError {
  const location = head.headers.get("location") ?? "";
  const to = URL.parse(location, shown.replace(/^ws/, "http"));
  const where = to === null ? clean(location) : `${to.protocol}//${to.host}`;
  return new UnreachableError(`${shown} redirects to "${where}" instead of switching to WebSocket`, {
    code: "redirected",
    hop: "proxy-tcp",
    hint: "Redirects are not followed: set the address that answers itself, or log in where it is a login page",
    transient: false,
  });
}

function explainMissing({ body, shown }: Refusal, said: string): AppError {
  const title = readProblem(body)?.title ?? "";
  if (/no such (?:session|kernel)/i.test(title)) {
    return new NotFoundError(`The session is gone: ${said}`, { code: "no-such-run", hop: "run-state" });
  }
  if (/no such app/i.test(title)) {
    return new NotFoundError(`The session does not offer the app: ${said}`, {
      code: "no-such-app",
      hop: "remote-port",
    });
  }
  return new NotFoundError(`${shown} is not there (404): ${said}`, {
    code: "no-such-path",
    hop: "proxy-tcp",
    hint: "Check the address of the relay",
  });
}

function explainServerError({ head, body, shown }: Refusal, said: string): AppError {
  const type = readProblem(body)?.type ?? "";
  const isApp = type.endsWith("app-service-start-failed");
  const hop: Hop = isApp ? "remote-port" : "proxy-tcp";
  return new UnreachableError(`${shown} failed (${head.status}): ${said}`, {
    code: isApp ? "app-start-failed" : head.status === 502 ? "bad-gateway" : "relay-failed",
    hop,
    hint:
      head.status === 502
        ? "What stands behind it refused or cannot be reached: the run, its app or the login may be gone"
        : "Try again later",
  });
}

function unusable(message: string, code: string): AppError {
  return new UnreachableError(message, {
    code,
    hop: "proxy-tcp",
    hint: "Check the address of the relay",
    transient: false,
  });
}

type Problem = { readonly type: string; readonly title: string; readonly text: string };

/** The document of RFC 9457 in the body, where it is one. */
function readProblem(body: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== "object" || value === null) return undefined;
    const text = (name: string): string => {
      const field: unknown = Reflect.get(value, name);
      return typeof field === "string" ? field : "";
    };
    const parts = [text("title").replace(/\.$/, ""), text("msg"), text("detail"), text("data")];
    return { type: text("type"), title: text("title"), text: parts.filter((part) => part !== "").join(": ") };
  } catch {
    return undefined;
  }
}

function describeRefusal({ head, body }: Refusal): string {
  const problem = readProblem(body);
  if (problem !== undefined && problem.text !== "") return clean(problem.text);
  const title = /<title[^>]*>([^<]{1,500})/i.exec(body)?.[1]?.trim();
  if (title) return `a web page titled "${clean(title)}"`;
  if (/^\s*</.test(body)) return "a web page";
  const start = clean(body);
  if (start !== "") return `"${start}"`;
  return head.reason === "" ? "no reason given" : `"${clean(head.reason)}"`;
}

function describeRetryAfter(value: string | undefined): string {
  return /^\d{1,6}$/.test(value ?? "") ? `Try again in ${value} s` : "Try again later";
}

/** Foreign text on one line: no control or direction-changing characters, bounded. */
export function clean(text: string): string {
  const line = text
    .slice(0, 800)
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length <= 200 ? line : `${line.slice(0, 200)}...`;
}
