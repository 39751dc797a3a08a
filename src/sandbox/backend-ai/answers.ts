// Answers of the simulated servers: JSON, files, and problem documents as the real ones word them. Pure.

/** One HTTP answer. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
};

/** A problem to report. */
export type Problem = {
  readonly status: number;
  /** Last part of the type's address. */
  readonly type: string;
  readonly title: string;
  readonly msg?: string;
  readonly code?: string;
  readonly data?: unknown;
};

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  };
}

export function file(bytes: string | Uint8Array): Answer {
  return { status: 200, headers: { "Content-Type": "application/octet-stream" }, body: bytes };
}

/** A problem document; `hasCode` is false for releases before `error_code`. */
export function problem(fault: Problem, hasCode = true): Answer {
  const { status, type, title, msg, code, data } = fault;
  const document = {
    type: `https://api.backend.ai/probs/${type}`,
    title,
    ...(msg === undefined ? {} : { msg }),
    ...(hasCode ? { error_code: code ?? `backendai_generic_${type}` } : {}),
    ...(data === undefined ? {} : { data }),
  };
  return {
    status,
    headers: { "Content-Type": "application/problem+json; charset=utf-8" },
    body: JSON.stringify(document),
  };
}

export const UNAUTHORIZED: Problem = {
  status: 401,
  type: "auth-failed",
  title: "Credential/signature mismatch.",
  msg: "Unauthorized access",
};
export const SIGNATURE_MISMATCH: Problem = {
  status: 401,
  type: "auth-failed",
  title: "Credential/signature mismatch.",
};
export const BAD_AUTH: Problem = {
  status: 400,
  type: "invalid-auth-params",
  title: "Missing or invalid authorization parameters.",
};
export const BAD_DATE: Problem = { ...BAD_AUTH, msg: "Date/time sync error" };
export const BAD_VERSION: Problem = {
  status: 400,
  type: "generic-bad-request",
  title: "Bad request.",
  msg: "Unsupported API version.",
};
export const BAD_PARAMS: Problem = {
  status: 400,
  type: "invalid-api-params",
  title: "Missing or invalid API parameters.",
};
export const NO_SESSION: Problem = {
  status: 404,
  type: "object-not-found",
  title: "No such session.",
  code: "session_read_not-found",
};
export const NO_APP: Problem = {
  status: 404,
  type: "object-not-found",
  title: "No such app service.",
  code: "backendai_read_not-found",
};
export const BAD_GATEWAY: Problem = {
  status: 502,
  type: "bad-gateway",
  title: "The proxy target server is inaccessible.",
};
export const NOT_FOUND: Problem = { status: 404, type: "generic-not-found", title: "Unknown URL path." };
export const NOT_ALLOWED: Problem = { status: 405, type: "method-not-allowed", title: "HTTP Method Not Allowed." };
export const DEPRECATED: Problem = { status: 400, type: "deprecated", title: "This API is deprecated." };
