// Checks the signature of a request as the manager does: over the raw target and the headers as they came. Pure.
import { createHmac, timingSafeEqual } from "node:crypto";
import { BAD_AUTH, BAD_DATE, BAD_VERSION, type Problem, SIGNATURE_MISMATCH, UNAUTHORIZED } from "./answers.ts";
import { type Release, takesVersion } from "./releases.ts";

/** A request as it came. */
export type RawRequest = {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
};

/** A key pair that the manager knows. */
export type SandboxKeyPair = { readonly accessKey: string; readonly secretKey: string };

/** Who sent the request, or why that is not known. */
export type Authentication =
  | { readonly kind: "known"; readonly accessKey: string }
  | { readonly kind: "refused"; readonly problem: Problem };

/** How far a date may be off: strictly less. */
const WINDOW_MS = 15 * 60_000;

const EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Decides who sent the request. */
export function authenticate(
  request: RawRequest,
  keyPairs: readonly SandboxKeyPair[],
  nowMs: number,
  release: Release,
): Authentication {
  const { headers } = request;
  const version = headers["x-backendai-version"] ?? headers["x-sorna-version"];
  if (version !== undefined && !takesVersion(release, version)) return refuse(BAD_VERSION);
  const authorization = headers["authorization"];
  if (authorization === undefined) return refuse(UNAUTHORIZED);
  const parsed = parseAuthorization(authorization);
  if (parsed === undefined) return refuse(BAD_AUTH);
  if (version === undefined) return refuse(BAD_VERSION);
  const date = headers["date"] ?? headers["x-backendai-date"];
  const day = date === undefined ? undefined : readDay(date, nowMs);
  if (date === undefined || day === undefined) return refuse(BAD_DATE);
  const keyPair = keyPairs.find((pair) => pair.accessKey === parsed.accessKey);
  if (keyPair === undefined) return refuse(SIGNATURE_MISMATCH);
  const expected = signatureOf(request, { date, day, version }, keyPair.secretKey);
  const isEqual =
    expected.length === parsed.signature.length &&
    timingSafeEqual(Buffer.from(expected), Buffer.from(parsed.signature));
  return isEqual ? { kind: "known", accessKey: keyPair.accessKey } : refuse(SIGNATURE_MISMATCH);
}

function refuse(problem: Problem): Authentication {
  return { kind: "refused", problem };
}

function parseAuthorization(value: string): { readonly accessKey: string; readonly signature: string } | undefined {
  const match = /^(?:BackendAI|Sorna)\s+(.*)$/.exec(value.trim());
  if (match?.[1] === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const part of match[1].split(",")) {
    const [name, ...rest] = part.trim().split("=");
    if (name !== undefined) fields.set(name, rest.join("="));
  }
  const [accessKey, ...signature] = fields.get("credential")?.split(":") ?? [];
  if (fields.get("signMethod")?.toUpperCase() !== "HMAC-SHA256" || !accessKey || signature.length === 0)
    return undefined;
  return { accessKey, signature: signature.join(":") };
}

/** `YYYYMMDD` in the date's own offset; undefined where it cannot be read or is out of the window. */
function readDay(date: string, nowMs: number): string | undefined {
  const iso = /^(\d{4})-(\d{2})-(\d{2})[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(date);
  // A missing zone means UTC.
  const moment = Date.parse(iso !== null && iso[4] === undefined ? `${date}Z` : date);
  if (Number.isNaN(moment) || Math.abs(moment - nowMs) >= WINDOW_MS) return undefined;
  if (iso !== null) return `${iso[1]}${iso[2]}${iso[3]}`;
  return new Date(moment).toISOString().slice(0, 10).replaceAll("-", "");
}

function signatureOf(
  { method, target, headers }: RawRequest,
  signed: { readonly date: string; readonly day: string; readonly version: string },
  secretKey: string,
): string {
  const host = headers["host"] ?? "";
  // The server's HTTP library takes this type where the header is absent.
  const type = (headers["content-type"] ?? "application/octet-stream").split(";")[0]?.trim().toLowerCase();
  const text = [
    method.toUpperCase(),
    target,
    signed.date,
    `host:${host}`,
    `content-type:${type}`,
    `x-backendai-version:${signed.version}`,
    EMPTY_HASH,
  ].join("\n");
  const day = createHmac("sha256", secretKey).update(signed.day).digest();
  const key = createHmac("sha256", day).update(host).digest();
  return createHmac("sha256", key).update(text).digest("hex");
}
