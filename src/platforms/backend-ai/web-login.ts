// Logging in at the web UI and out again. Who calls stores the login (see web-session.ts), mode 0600.
import { createCipheriv, randomInt } from "node:crypto";
import * as v from "valibot";
import { type AppError, AuthError, UnreachableError } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import { Secret } from "../../domain/secret.ts";
import type { SettingValue } from "../../domain/setting.ts";
import { quoteForeign } from "../foreign-text.ts";
import { createHttpClient, type Fetch, type HttpAnswer, type HttpClient } from "../http-client.ts";
import type { PlatformContext, WebCredentials } from "../platform.ts";
import { decideProxy } from "../proxy-choice.ts";
import { SAFE_VERSION } from "./api-version.ts";
import type { WebSession } from "./web-session.ts";

/** Where to log in. */
export type WebUi = {
  readonly endpoint: URL;
  readonly tls: TlsOptions;
  /** The platform's own proxy setting. */
  readonly proxy: SettingValue | undefined;
  readonly context: PlatformContext;
  readonly signal: AbortSignal;
  readonly fetch?: Fetch;
};

/** Logs in. Throws AuthError; its code is `otp-required` where the second factor is asked for. */
export async function loginAtWebUi(credentials: WebCredentials, ui: WebUi): Promise<WebSession> {
  const { user, password, otp } = credentials;
  const plain = JSON.stringify({ username: user, password: password.reveal(), ...(otp === undefined ? {} : { otp }) });
  const encrypted = ui.endpoint.protocol === "http:";
  const answer = await client(ui, [password]).request({
    path: "/server/login",
    method: "POST",
    headers: () => ({
      "Content-Type": "application/json",
      "X-BackendAI-Version": SAFE_VERSION,
      ...(encrypted ? { "X-BackendAI-Encoded": "true" } : {}),
    }),
    body: encrypted ? encryptBody(plain, ui.endpoint.origin, randomText(16)) : plain,
    signal: ui.signal,
    repeatable: false,
    explain: (reply) => explainLogin(reply, user, password),
  });
  return takeSession(answer, user, ui);
}

/** Ends the login. A login that is gone already is no error. */
export async function logoutAtWebUi(session: WebSession, ui: WebUi): Promise<void> {
  const id = session.sessionId.reveal();
  try {
    await client(ui, [session.sessionId]).request({
      path: "/server/logout",
      method: "POST",
      headers: () => ({ Cookie: `AIOHTTP_SESSION=${id}`, "X-BackendAI-SessionID": id }),
      signal: ui.signal,
    });
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
  }
}

/**
 * Body as the official clients send it over plain HTTP: `iv:base64(AES-256-CBC)`, the key made of the endpoint's text and
 * the IV. It keeps passwords out of casual sight only.
 */
export function encryptBody(text: string, origin: string, iv: string): string {
  const key = (Buffer.from(origin).toString("base64") + iv + iv).slice(0, 32);
  const cipher = createCipheriv("aes-256-cbc", Buffer.from(key), Buffer.from(iv));
  return `${iv}:${Buffer.concat([cipher.update(text, "utf8"), cipher.final()]).toString("base64")}`;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function randomText(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join("");
}

function client(ui: WebUi, secrets: readonly Secret[]): HttpClient {
  return createHttpClient({
    service: "Backend.AI web UI",
    baseUrl: ui.endpoint,
    proxy: decideProxy(ui.endpoint, {
      environment: ui.context.environment,
      ...(ui.proxy === undefined ? {} : { configured: ui.proxy }),
    }),
    tls: ui.tls,
    loginHint: "Check user and password",
    tlsHint: "Give the authority's certificate with the setting backend-ai.ca-file, or set backend-ai.insecure",
    secrets,
    retry: { attempts: 1, clock: ui.context.clock, random: () => 0 },
    ...(ui.fetch === undefined ? {} : { fetch: ui.fetch }),
  });
}

const successSchema = v.object({
  authenticated: v.literal(true),
  data: v.optional(v.looseObject({ access_key: v.optional(v.nullable(v.string())) })),
});

/** Whatever else stands there says nothing to people. */
const text = v.fallback(v.optional(v.nullable(v.string())), undefined);

const failureSchema = v.object({
  authenticated: v.literal(false),
  data: v.fallback(v.optional(v.nullable(v.looseObject({ type: text, title: text, details: text }))), undefined),
});

/** Read from the body: older web UIs refuse with status 200. */
function explainLogin(answer: HttpAnswer, user: string, password: Secret): AppError | undefined {
  const failure = v.safeParse(failureSchema, answer.body);
  if (!failure.success) return undefined;
  const type = failure.output.data?.type ?? "";
  const details = failure.output.data?.details ?? failure.output.data?.title ?? "";
  const action = `Cannot log in at the Backend.AI web UI as "${user}"`;
  if (type.endsWith("require-totp-authentication") || details === "OTP not provided") {
    return new AuthError(`${action}: the code of the second factor is asked for`, {
      code: "otp-required",
      hop: "api-login",
      hint: "Log in again and give the current code of your authenticator",
    });
  }
  if (type.endsWith("password-expired")) {
    return new AuthError(`${action}: the password has expired`, {
      code: "password-expired",
      hop: "api-login",
      hint: "Set a new password in the web UI",
    });
  }
  if (answer.status === 429 || /too many|blocked/i.test(details)) {
    return new AuthError(`${action}: logins are blocked after too many failures`, {
      code: "login-blocked",
      hop: "api-login",
      hint: "Wait 20 minutes, then check user and password",
    });
  }
  const said = quoteForeign(details, [password]);
  return new AuthError(`${action}: ${said === "" ? "refused" : said}`, {
    code: "login-refused",
    hop: "api-login",
    hint: "Check user and password",
  });
}

function takeSession(answer: HttpAnswer, user: string, ui: WebUi): WebSession {
  const decoded = v.safeParse(successSchema, answer.body);
  const cookie = /(?:^|[,;\s])AIOHTTP_SESSION="?([^;,"\s]+)/.exec(answer.headers.get("set-cookie") ?? "");
  const sessionId = answer.headers.get("X-BackendAI-SessionID") ?? cookie?.[1];
  if (!decoded.success || !sessionId) {
    throw new UnreachableError("The Backend.AI web UI accepted the login but gave no session", {
      code: "no-web-session",
      hop: "api-login",
      hint: "Check that the endpoint is the address of the web UI",
      transient: false,
    });
  }
  const maxAge = /max-age=(\d{1,9})/i.exec(answer.headers.get("set-cookie") ?? "")?.[1];
  return {
    endpoint: ui.endpoint.origin,
    user,
    sessionId: new Secret(sessionId),
    accessKey: decoded.output.data?.access_key ?? undefined,
    expiresAt: maxAge === undefined ? undefined : ui.context.clock.now() + Number(maxAge) * 1000,
  };
}
