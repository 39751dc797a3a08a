// Signature of a request to a Backend.AI manager: HMAC-SHA256 over method, target, date and three headers. Pure.
import { createHmac } from "node:crypto";
import type { Secret } from "../../domain/secret.ts";

/** A key pair of a user, as the platform hands it out. */
export type KeyPair = { readonly accessKey: string; readonly secretKey: Secret };

/** Everything a signature covers. */
export type SignedParts = {
  readonly method: string;
  /** Path and query exactly as on the wire. */
  readonly target: string;
  /** Value of the date header, byte for byte; must be UTC, since the day in it derives the key. */
  readonly date: string;
  /** Exact value of the Host header. */
  readonly host: string;
  /** Media type of the request; the server takes `application/octet-stream` where the header is absent. */
  readonly contentType: string;
  readonly apiVersion: string;
};

/** SHA-256 of nothing: the body has not been part of the signature since API v4.20181215. */
const EMPTY_BODY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The media type that the server assumes when a request names none (a WebSocket upgrade). */
export const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/** The text that is signed. */
export function renderStringToSign(parts: SignedParts): string {
  return [
    parts.method.toUpperCase(),
    parts.target,
    parts.date,
    `host:${parts.host}`,
    `content-type:${mediaType(parts.contentType)}`,
    `x-backendai-version:${parts.apiVersion}`,
    EMPTY_BODY_HASH,
  ].join("\n");
}

/** The signature in hexadecimal. */
export function sign(parts: SignedParts, secretKey: Secret): string {
  const day = hmac(secretKey.reveal(), utcDay(parts.date));
  const key = hmac(day, parts.host);
  return hmac(key, renderStringToSign(parts)).toString("hex");
}

/** The value of the Authorization header. */
export function renderAuthorization(parts: SignedParts, keys: KeyPair): string {
  return `BackendAI signMethod=HMAC-SHA256, credential=${keys.accessKey}:${sign(parts, keys.secretKey)}`;
}

/** The headers that authorise one request. The date travels in X-BackendAI-Date, which no proxy rewrites. */
export function signedHeaders(
  request: Omit<SignedParts, "date">,
  keys: KeyPair,
  nowMs: number,
): Readonly<Record<string, string>> {
  const date = new Date(nowMs).toISOString();
  return {
    Authorization: renderAuthorization({ ...request, date }, keys),
    "X-BackendAI-Date": date,
    "X-BackendAI-Version": request.apiVersion,
  };
}

function mediaType(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** `YYYYMMDD` of the date in its own offset, as the server reads it. */
function utcDay(date: string): string {
  const iso = /^(\d{4})-(\d{2})-(\d{2})/.exec(date);
  if (iso !== null) return `${iso[1]}${iso[2]}${iso[3]}`;
  return new Date(date).toISOString().slice(0, 10).replaceAll("-", "");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
