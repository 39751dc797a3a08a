// What a Backend.AI server's error answer (problem+json, or a refusal of the web login) means, in plain words. Pure.
import * as v from "valibot";
import { formatDuration } from "../../domain/duration.ts";
import { type AppError, AuthError, NotFoundError, UnreachableError, UsageError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";
import { quoteForeign } from "../foreign-text.ts";
import { statusCode } from "../http-errors.ts";

/** What is known about a call that failed. */
export type ProblemContext = {
  /** The action, as messages begin: `Cannot find session "demo"`. */
  readonly action: string;
  readonly status: number;
  /** Our clock minus the server's, where the server told its time. */
  readonly clockSkewMs: number | undefined;
  /** `key-pair AKIA...` or `web login of x@y`, and where it was configured. */
  readonly identity: string;
  readonly usesWebLogin: boolean;
  readonly secrets: readonly Secret[];
};

/** Signatures count for 15 minutes; beyond one minute less the clock is the likely culprit. */
const SUSPICIOUS_SKEW_MS = 14 * 60_000;

const schema = v.object({
  type: v.optional(v.string(), ""),
  title: v.optional(v.string(), ""),
  msg: v.optional(v.unknown()),
  error_code: v.optional(v.nullable(v.string())),
  data: v.optional(v.unknown()),
});

type Problem = v.InferOutput<typeof schema>;

/** The error that a body tells of, or undefined where it is no problem document. */
export function explainProblem(body: unknown, context: ProblemContext): AppError | undefined {
  const result = v.safeParse(schema, body);
  if (!result.success || context.status < 400 || (result.output.title === "" && result.output.type === ""))
    return undefined;
  return explain(result.output, context);
}

/** Whether our clock is so wrong that signatures are refused for it. */
function isClockWrong(clockSkewMs: number | undefined): boolean {
  return clockSkewMs !== undefined && Math.abs(clockSkewMs) >= SUSPICIOUS_SKEW_MS;
}

/** `22m ahead of the server's`. */
export function describeSkew(clockSkewMs: number): string {
  return `${formatDuration(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? "ahead of" : "behind"} the server's`;
}

function explain(problem: Problem, context: ProblemContext): AppError {
  const kind = problem.type.replace(/^.*\//, "");
  const said = `${context.action}: ${quoteForeign(describe(problem), context.secrets)}`;
  const { status } = context;
  if (status === 401 || status === 403 || kind === "invalid-auth-params" || kind === "auth-failed") {
    return explainRefusal(said, kind, context);
  }
  if (/unsupported api version/i.test(problem.title + String(problem.msg ?? ""))) {
    return new UnreachableError(said, { code: "api-version", hop: "api", transient: false });
  }
  if (kind === "too-many-sessions-matched") return explainAmbiguity(problem, context);
  if (status === 404) return explainMissing(said, problem, context);
  if (status === 429) {
    return new UnreachableError(`${context.action}: the limit of API calls is reached`, {
      code: "too-many-requests",
      hop: "api",
      hint: "Wait up to 15 minutes, or ask for a higher limit of the key pair",
    });
  }
  if (status < 500) return new UsageError(said, { code: kind || "bad-request", hop: "api" });
  if (kind === "app-service-start-failed") {
    return new UnreachableError(said, {
      code: "app-start-failed",
      hop: "remote-port",
      hint: "The service in the session did not start: look at the session's log",
    });
  }
  return new UnreachableError(said, {
    code: kind === "server-frozen" ? "maintenance" : statusCode(status),
    hop: "api",
    hint: kind === "server-frozen" ? "The cluster is under maintenance: try again later" : "Try again later",
  });
}

function explainRefusal(said: string, kind: string, context: ProblemContext): AppError {
  if (isClockWrong(context.clockSkewMs)) {
    return new AuthError(`${context.action}: the clock of this computer is ${describeSkew(context.clockSkewMs ?? 0)}`, {
      code: "clock-skew",
      hop: "api-login",
      hint: "Set the clock right: signatures count for 15 minutes",
    });
  }
  if (context.usesWebLogin && context.status === 401) {
    return new AuthError(`${context.action}: the web login has expired or was ended`, {
      code: "login-expired",
      hop: "api-login",
      hint: "Log in again, or set BACKEND_USER and BACKEND_PASSWORD so that it happens by itself",
    });
  }
  return new AuthError(said, {
    code: kind === "invalid-auth-params" ? "bad-signature-form" : "login-refused",
    hop: "api-login",
    hint: `Check the ${context.identity}: the key pair may be inactive or belong to another site`,
  });
}

function explainMissing(said: string, problem: Problem, context: ProblemContext): AppError {
  const code = problem.error_code ?? "";
  const isSession = code.startsWith("session") || /no such (?:session|kernel)/i.test(problem.title);
  if (isSession) {
    return new NotFoundError(`${context.action}: there is no such session`, {
      code: "no-such-run",
      hop: "run-state",
      hint: "Sessions are found by name or id, and only those made with the same key pair on older servers",
    });
  }
  if (/no such app/i.test(problem.title)) {
    return new NotFoundError(said, { code: "no-such-app", hop: "remote-port", hint: "Name another app with --app" });
  }
  return new NotFoundError(said, {
    code: "not-found",
    hop: "api",
    hint: "Check the address of the Backend.AI endpoint",
  });
}

function explainAmbiguity(problem: Problem, context: ProblemContext): AppError {
  const matches = v.safeParse(v.object({ matches: v.array(v.looseObject({ id: v.string() })) }), problem.data);
  const ids = matches.success ? matches.output.matches.map((match) => quoteForeign(match.id)).slice(0, 10) : [];
  return new UsageError(`${context.action}: several sessions have this name`, {
    code: "ambiguous-run",
    hop: "run-state",
    hint: ids.length === 0 ? "Give the session's id" : `Give one of the ids: ${ids.join(", ")}`,
  });
}

function describe(problem: Problem): string {
  const message = typeof problem.msg === "string" ? problem.msg : "";
  const reason = typeof problem.data === "string" ? problem.data : "";
  return [problem.title.replace(/\.$/, ""), message, reason].filter((text) => text !== "").join(": ") || "refused";
}
