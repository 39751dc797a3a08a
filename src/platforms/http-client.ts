// JSON over HTTP for platforms: every call has a deadline, a bounded answer and an error that names the hop.
// Redirects are not followed, TLS is verified, and proxies are those we were told, never those the runtime finds.
import { rootCertificates } from "node:tls";
import { API_BACKOFF, type Backoff } from "../domain/backoff.ts";
import type { Clock } from "../domain/clock.ts";
import { AppError, isTransient, TimeoutError, UnreachableError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import { retry } from "../domain/retry.ts";
import type { TlsOptions } from "../domain/route.ts";
import { Secret } from "../domain/secret.ts";
import { explainFailure, explainNotJson, explainRedirect, explainStatus, type HttpTarget } from "./http-errors.ts";
import type { HttpProxy } from "./proxy-choice.ts";

/** Deadline of one try, answer included: an API that takes longer will not serve a start in time either. */
const DEFAULT_TRY_TIMEOUT_MS = 10_000;

/** Largest answer taken; the largest real ones (lists of sessions, a run's tasks) stay far below. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Tries for failures that are as likely to last as to pass: a name that does not resolve, an error told in the answer, a
 * limit of calls, against which refused calls count too. */
const MAX_DOUBTFUL_ATTEMPTS = 3;

const DOUBTFUL_CODES: readonly string[] = ["dns-failed", "api-error", "too-many-requests"];

/** The part of fetch that is used; tests bring their own to play a name server's failure. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

/** Tries in all, and how long to wait between them. */
export type HttpRetry = {
  readonly attempts: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Default: API_BACKOFF. */
  readonly backoff?: Backoff;
  readonly log?: Log;
};

/** Whom to call and how. */
export type HttpClientOptions = {
  /** For messages: `Cloud Pipeline API`. */
  readonly service: string;
  /** Address that paths are appended to; one slash more or less does not matter. */
  readonly baseUrl: URL;
  readonly proxy: HttpProxy | undefined;
  readonly tls: TlsOptions;
  /** What to do when the login is refused, and when the certificate is not trusted. */
  readonly loginHint: string;
  readonly tlsHint: string;
  /** Never to appear in quoted texts. */
  readonly secrets: readonly Secret[];
  /** For one try; default DEFAULT_TRY_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  readonly retry: HttpRetry;
  readonly fetch?: Fetch;
};

/** One call. */
export type HttpRequest = {
  /** Path below the base, query included. */
  readonly path: string;
  /** Default GET. */
  readonly method?: string;
  /** Asked anew at each try, since signatures age. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly body?: string;
  /** More secrets that this call sends, never to appear in quoted texts. */
  readonly secrets?: readonly Secret[];
  readonly signal: AbortSignal;
  /** Whether the call may be sent again after a failure; default: yes for GET and HEAD. */
  readonly repeatable?: boolean;
  /** Reads an error out of any JSON answer, successful statuses included; undefined leaves it to the status. */
  readonly explain?: (answer: HttpAnswer) => AppError | undefined;
};

/** An answer; `body` is the JSON in it, undefined where it was empty. */
export type HttpAnswer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

/** Calls one service. Holds nothing that needs closing. */
export interface HttpClient {
  /** The answer with a successful status. Throws AppErrors that name the hop; rethrows the signal's reason. */
  request(request: HttpRequest): Promise<HttpAnswer>;
}

/** Makes a client. Never touches the network. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  return {
    request: async (request) => {
      const { attempts, clock, random, backoff = API_BACKOFF, log } = options.retry;
      const method = request.method ?? "GET";
      const repeatable = request.repeatable ?? (method === "GET" || method === "HEAD");
      return retry(() => callOnce(options, request), {
        attempts: repeatable ? attempts : 1,
        backoff,
        clock,
        random,
        signal: request.signal,
        canRetry: (error, attempt) => isWorthRepeating(error, attempt),
        onRetry: (error, attempt, delayMs) => {
          const reason = error instanceof AppError ? error.message : "failure";
          log?.warning(reason, { attempt, of: attempts, nextInMs: Math.round(delayMs) });
        },
      });
    },
  };
}

function isWorthRepeating(error: unknown, attempt: number): boolean {
  if (error instanceof AppError && DOUBTFUL_CODES.includes(error.code) && attempt >= MAX_DOUBTFUL_ATTEMPTS)
    return false;
  return isTransient(error);
}

async function callOnce(options: HttpClientOptions, request: HttpRequest): Promise<HttpAnswer> {
  const target = targetOf(options, request);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TRY_TIMEOUT_MS;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([request.signal, deadline]);
  try {
    request.signal.throwIfAborted();
    const call = options.fetch ?? fetch;
    const response = await call(urlOf(options.baseUrl, request.path), fetchOptions(options, request, signal));
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      throw explainRedirect(location, target);
    }
    return readAnswer(response, await readBounded(response, target), request, target);
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (error instanceof AppError) throw error;
    if (deadline.aborted) {
      const whom = target.proxy === undefined ? "" : ` through the proxy ${target.proxy}`;
      throw new TimeoutError(`${target.service} at ${target.address} did not answer${whom} within ${timeoutMs} ms`, {
        hop: "api",
        hint: "Check your network and VPN, or try again later",
        cause: error,
      });
    }
    throw explainFailure(error, target);
  }
}

function targetOf(options: HttpClientOptions, request: HttpRequest): HttpTarget {
  const path = request.path.replace(/[?#].*$/s, "");
  return {
    service: options.service,
    address: urlOf(options.baseUrl, path),
    proxy: options.proxy?.url,
    loginHint: options.loginHint,
    tlsHint: options.tlsHint,
    secrets: [...options.secrets, ...(request.secrets ?? []), ...proxySecrets(options.proxy)],
  };
}

/** Some proxies repeat the request in the page that refuses it. */
function proxySecrets(proxy: HttpProxy | undefined): readonly Secret[] {
  const value = proxy?.authorization?.reveal();
  return value === undefined ? [] : [new Secret(value.replace(/^Basic /, ""))];
}

/** Credentials, query and fragment of the base are dropped: the first would reach messages, the others mean nothing. */
function urlOf(base: URL, path: string): string {
  return `${base.origin}${base.pathname.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
}

function fetchOptions(options: HttpClientOptions, request: HttpRequest, signal: AbortSignal): BunFetchRequestInit {
  const authority = options.tls.certificateAuthority;
  const { proxy } = options;
  return {
    method: request.method ?? "GET",
    headers: { Accept: "application/json", ...request.headers() },
    redirect: "manual",
    signal,
    // Both said aloud: the runtime would otherwise ask the environment (HTTPS_PROXY, NODE_TLS_REJECT_UNAUTHORIZED).
    proxy:
      proxy === undefined
        ? false
        : {
            url: proxy.url,
            respectNoProxy: false,
            headers: proxy.authorization === undefined ? {} : { "Proxy-Authorization": proxy.authorization.reveal() },
          },
    tls: {
      rejectUnauthorized: options.tls.verify,
      // Naming any authority replaces the built-in ones, so they are named too.
      ...(authority === undefined ? {} : { ca: [authority, ...rootCertificates] }),
    },
    ...(request.body === undefined ? {} : { body: request.body }),
  };
}

async function readBounded(response: Response, target: HttpTarget): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    // Leaving the loop cancels the body, so an endless answer stops here.
    if (sizeBytes > MAX_ANSWER_BYTES) {
      throw new UnreachableError(`${target.service} at ${target.address} answered with more than 4 MiB`, {
        code: "answer-too-large",
        hop: "api",
        hint: "Check the address of the API",
        transient: false,
      });
    }
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function readAnswer(response: Response, text: string, request: HttpRequest, target: HttpTarget): HttpAnswer {
  const json = parseJson(text);
  if (json.ok) {
    const answer = { status: response.status, headers: response.headers, body: json.value };
    const error = request.explain?.(answer);
    if (error !== undefined) throw error;
    if (response.ok) return answer;
  }
  if (!response.ok) throw explainStatus(response.status, text, target);
  throw explainNotJson(text, target, json.error);
}

type Parsed =
  | { readonly ok: true; readonly value: unknown; readonly error?: undefined }
  | { readonly ok: false; readonly error: unknown };

function parseJson(text: string): Parsed {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, error };
  }
}
