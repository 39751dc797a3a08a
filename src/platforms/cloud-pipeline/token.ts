// The access token, a JWT: who it is for and until when. Decoded without verification, which is the server's business.
import { formatDuration } from "../../domain/duration.ts";
import { AuthError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";

/** What a token says about itself. */
export type TokenFacts = {
  /** The whole user name, with its domain where it has one. */
  readonly user?: string;
  readonly expiresAtMs?: number;
  readonly notBeforeMs?: number;
  readonly isAdministrator?: boolean;
};

/** A token that ends sooner than this is worth a word, as the platform's own client does. */
const SOON_MS = 7 * 24 * 3_600_000;

/** Latest moment that a date can hold (ECMA-262, 21.4.1.1). */
const MAX_DATE_MS = 8.64e15;

/** How to get a new token. */
export const RENEW_HINT =
  'Make a new token on the Cloud Pipeline page under Settings > CLI, then run "runtunnel init", or "pipe configure" as shown there';

/** Reads the claims; undefined when the text is no JWT. Claims of wrong types are left out. */
export function decodeToken(token: Secret): TokenFacts | undefined {
  const parts = token.reveal().split(".");
  const claims = parts.length === 3 ? parseClaims(parts[1] ?? "") : undefined;
  if (claims === undefined) return undefined;
  const expiresAtMs = toMs(claims["exp"]);
  const notBeforeMs = toMs(claims["nbf"]);
  const user = claims["sub"];
  return {
    ...(typeof user === "string" && user !== "" ? { user } : {}),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(Array.isArray(claims["roles"]) && claims["roles"].includes("ROLE_ADMIN") ? { isAdministrator: true } : {}),
  };
}

/** Looks at a token before it is used. Returns notes for the user; throws AuthError when it cannot work. */
export function checkToken(token: Secret, source: string, now: number): readonly string[] {
  if (!/^[\x21-\x7e]+$/.test(token.reveal())) {
    throw new AuthError(`The access token from ${source} holds blanks or characters that no token has`, {
      code: "bad-token",
      hop: "api-login",
      hint: RENEW_HINT,
    });
  }
  const facts = decodeToken(token);
  if (facts === undefined) {
    return [`The access token from ${source} cannot be read; it is used as it is`];
  }
  const { expiresAtMs, notBeforeMs } = facts;
  if (expiresAtMs !== undefined && expiresAtMs <= now) {
    throw new AuthError(`The access token from ${source} expired on ${formatDate(expiresAtMs)}`, {
      code: "token-expired",
      hop: "api-login",
      hint: RENEW_HINT,
    });
  }
  const notes: string[] = [];
  if (notBeforeMs !== undefined && notBeforeMs > now) {
    notes.push(`The access token from ${source} is not valid before ${formatDate(notBeforeMs)}: check this clock`);
  }
  if (expiresAtMs !== undefined && expiresAtMs - now < SOON_MS) {
    notes.push(`The access token expires in ${formatDuration(expiresAtMs - now)} (${formatDate(expiresAtMs)})`);
  }
  return notes;
}

/** The token as `config show` may print it: no part that signs or could be used. */
export function maskToken(token: Secret): string {
  const facts = decodeToken(token);
  if (facts === undefined) return "set (not a JWT)";
  const user = facts.user === undefined ? "no user" : `of ${facts.user}`;
  const expiry = facts.expiresAtMs === undefined ? "without expiry" : `expires ${formatDate(facts.expiresAtMs)}`;
  return `eyJ...(jwt ${user}, ${expiry})`;
}

/** The account name in a user name: what stands before the first `@`. */
export function accountName(userName: string): string {
  return userName.split("@")[0] ?? userName;
}

function parseClaims(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function toMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return undefined;
  const ms = seconds * 1000;
  return Math.abs(ms) <= MAX_DATE_MS ? ms : undefined;
}

function formatDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
