// Private keys whatever their file looks like: read any format, write any format, make new ones.
import { generateKeyPair as generate, type KeyObject } from "node:crypto";
import { UsageError } from "../../domain/errors.ts";
import { encodePublicBlob, fromKeyObject, keyAlgorithm, type PrivateKey, toKeyObject } from "./key-material.ts";
import { formatOpensshKey, OPENSSH_BEGIN, parseOpensshKey } from "./openssh-key.ts";
import { formatPemKey, isPemKey, parsePemKey } from "./pem-key.ts";
import { formatPpk, isPpk, parsePpk } from "./ppk.ts";
import { encodeBase64 } from "./wire.ts";

/** Formats we write. */
export const KEY_FORMATS = ["openssh", "pem", "ppk"] as const;

export type KeyFormat = (typeof KEY_FORMATS)[number];

/** How a key is written. */
export type KeyFormatOptions = {
  /** For PPK alone; 3 where not given. */
  readonly ppkVersion?: 2 | 3;
  /** Replaces the key's own comment. PEM has no place for one. */
  readonly comment?: string;
  readonly passphrase?: string;
};

/** No key we can use is larger (RSA with 16384 bits takes 13 KB); bounds the work on files from elsewhere. */
const MAX_KEY_TEXT = 65_536;

/** Size of RSA keys we make: what ssh-keygen makes too. */
const RSA_BITS = 3072;

/** Reads an OpenSSH, PEM (PKCS#1, PKCS#8, SEC1) or PPK private key, and checks that its halves belong together. Text in
 * front of a PEM or OpenSSH key is skipped. Throws UsageError (damaged, unsupported, passphrase needed) or AuthError
 * (wrong passphrase). */
export function parsePrivateKey(text: string, passphrase?: string): PrivateKey {
  if (text.length > MAX_KEY_TEXT) throw notAKey();
  const trimmed = text.replace(/^\uFEFF?\s*/, "");
  const key = parseAny(trimmed, passphrase);
  toKeyObject(key.material);
  return key;
}

/** Writes a private key. */
export function formatPrivateKey(key: PrivateKey, format: KeyFormat, options: KeyFormatOptions = {}): string {
  const named = { ...key, comment: options.comment ?? key.comment };
  switch (format) {
    case "openssh":
      return formatOpensshKey(named, options.passphrase);
    case "pem":
      return formatPemKey(named, options.passphrase);
    case "ppk":
      return formatPpk(named, { version: options.ppkVersion ?? 3, passphrase: options.passphrase });
  }
}

/** Makes a new key. RSA (3072 bits) only for servers that know nothing newer. */
export async function generateKeyPair(kind: "ed25519" | "rsa", comment = ""): Promise<PrivateKey> {
  const privateKey = await new Promise<KeyObject>((resolve, reject) => {
    const settle = (error: Error | null, _public: KeyObject, made: KeyObject) =>
      error ? reject(error) : resolve(made);
    if (kind === "rsa") generate("rsa", { modulusLength: RSA_BITS }, settle);
    else generate("ed25519", {}, settle);
  });
  return { material: fromKeyObject(privateKey), comment };
}

/** The public half as one line of a `.pub` or `authorized_keys` file, without a line end. */
export function publicKeyLine(key: PrivateKey, comment = key.comment): string {
  const line = `${keyAlgorithm(key.material)} ${encodeBase64(encodePublicBlob(key.material))}`;
  return comment === "" ? line : `${line} ${comment}`;
}

function parseAny(text: string, passphrase: string | undefined): PrivateKey {
  if (isPpk(text)) return parsePpk(text, passphrase);
  if (text.includes(OPENSSH_BEGIN)) return parseOpensshKey(text, passphrase);
  if (isPemKey(text)) return parsePemKey(text, passphrase);
  throw notAKey(/^(?:ssh-|ecdsa-|-{4,5} ?BEGIN [A-Z0-9 ]*PUBLIC)/.test(text) ? "it is a public key" : undefined);
}

function notAKey(detail = "it is none of OpenSSH, PEM and PPK"): UsageError {
  return new UsageError(`Cannot read the private key: ${detail}`, {
    code: "damaged-key",
    hop: "ssh-key",
    hint: "Give the file with the private half, for example ~/.ssh/id_ed25519",
  });
}
