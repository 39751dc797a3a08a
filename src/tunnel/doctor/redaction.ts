// Takes secrets out of texts that others may read: those that are known, in every spelling, and what looks like one.
// Pure. Rather too much is taken out than too little.
import { redact, type Secret, Secret as SecretText } from "../../domain/secret.ts";

const GONE = "[redacted]";

/** A secret shorter than this would take half of the text with it. */
const LEAST_LENGTH = 4;

/** Names of values that are secret wherever they stand. */
export const SECRET_NAME =
  /pass(?:word|wd|phrase)?|secret|token|api_?key|access_key|private_?key|credential|cookie|otp|authorization|session_?id/i;

/** Returns a function that takes the secrets out of a text. */
export function createRedactor(secrets: readonly Secret[]): (text: string) => string {
  const known = secrets.map((secret) => secret.reveal()).filter((text) => text.length >= LEAST_LENGTH);
  const spellings = new Set(known.flatMap(spellingsOf));
  const all = [...spellings].filter((text) => text.length >= LEAST_LENGTH).map((text) => new SecretText(text));
  return (text) =>
    PATTERNS.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), redact(text, all));
}

/** A secret as it may stand in JSON, a URL, an `Authorization: Basic` header, and in parts. */
function spellingsOf(secret: string): readonly string[] {
  const parts = secret.split(/[\s.:]+/).filter((part) => part.length >= 16);
  return [secret, ...parts].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    ...encodedInside(text),
  ]);
}

/** What of the text's base64 does not depend on what stands before and behind it, for each of the three alignments. */
function encodedInside(text: string): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).toString("base64");
    const inside = encoded.replace(/=+$/, "").slice(offset === 0 ? 0 : offset + 1, -1);
    return inside.length < 8 ? [] : [inside, inside.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** Shapes of secrets, whoever's they are. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, GONE],
  [/PuTTY-User-Key-File-[\s\S]*?(?:Private-MAC: \S+|$)/g, GONE],
  [/\beyJ[\w-]{5,}(?:\.[\w-]+){1,4}/g, GONE],
  [/\b(Basic|Bearer|HMAC-SHA256, credential=)\s*[\w.~+/=:-]{6,}/gi, `$1 ${GONE}`],
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*session[\w-]*|x-[\w-]*token[\w-]*)("?\s*[:=]\s*"?)[^\r\n"]+/gi,
    `$1$2${GONE}`,
  ],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${GONE}@`],
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|otp|session[_-]?id)[\w-]*"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}"']+)/gi,
    `$1"${GONE}"`,
  ],
  [/(?<!SHA256:)(?<![\w+/-])(?=[\w+=-]*\d)(?=[\w+=-]*[a-z])(?=[\w+=-]*[A-Z])[A-Za-z0-9_+-]{32,}={0,2}/g, GONE],
];
