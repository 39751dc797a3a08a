// OpenSSH's own private key file, `openssh-key-v1` (PROTOCOL.key of OpenSSH), plain or under a passphrase.
import { createCipheriv, createDecipheriv, type Decipheriv, randomBytes } from "node:crypto";
import { pbkdf } from "bcrypt-pbkdf";
import { UsageError } from "../../domain/errors.ts";
import { passphraseNeeded, wrongPassphrase } from "./key-errors.ts";
import {
  ED25519_SIZE_BYTES,
  encodePublicBlob,
  findCurve,
  type KeyMaterial,
  keyAlgorithm,
  type PrivateKey,
  unsupportedKey,
} from "./key-material.ts";
import {
  concatBytes,
  damaged,
  decodeBase64,
  encodeBase64,
  encodeNumber,
  encodeString,
  encodeUint32,
  equalBytes,
  WireReader,
} from "./wire.ts";

/** First line of the file. */
export const OPENSSH_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----";

const END = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC = "openssh-key-v1\0";
const WHAT = "the OpenSSH private key";

/** What ssh-keygen wrote for years; a guess costs some 0.2 s here. */
const WRITE_ROUNDS = 16;

/** More rounds would keep us busy for a minute: such a file is an attack or damaged. */
const MAX_ROUNDS = 4096;

type Cipher = { readonly name: string; readonly keyBytes: number; readonly ivBytes: number; readonly tagBytes: number };

const CIPHERS: Readonly<Record<string, Cipher>> = {
  "aes128-ctr": { name: "aes-128-ctr", keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  "aes192-ctr": { name: "aes-192-ctr", keyBytes: 24, ivBytes: 16, tagBytes: 0 },
  "aes256-ctr": { name: "aes-256-ctr", keyBytes: 32, ivBytes: 16, tagBytes: 0 },
  "aes128-cbc": { name: "aes-128-cbc", keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  "aes192-cbc": { name: "aes-192-cbc", keyBytes: 24, ivBytes: 16, tagBytes: 0 },
  "aes256-cbc": { name: "aes-256-cbc", keyBytes: 32, ivBytes: 16, tagBytes: 0 },
  "aes128-gcm@openssh.com": { name: "aes-128-gcm", keyBytes: 16, ivBytes: 12, tagBytes: 16 },
  "aes256-gcm@openssh.com": { name: "aes-256-gcm", keyBytes: 32, ivBytes: 12, tagBytes: 16 },
};

const WRITE_CIPHER = "aes256-ctr";
const AES_BLOCK_BYTES = 16;
const PLAIN_BLOCK_BYTES = 8;

/** Reads the file's text. Throws UsageError when it is damaged or a passphrase is missing, AuthError when it is wrong. */
export function parseOpensshKey(text: string, passphrase?: string): PrivateKey {
  const reader = new WireReader(unwrap(text), WHAT);
  if (Buffer.from(reader.take(MAGIC.length)).toString("latin1") !== MAGIC) throw damaged(WHAT, "another kind of data");
  const cipher = reader.text();
  const derivation = reader.text();
  const derivationOptions = reader.string();
  if (reader.uint32() !== 1) throw damaged(WHAT, "more than one key");
  const publicBlob = reader.string();
  const hidden = reader.string();
  const section =
    cipher === "none" ? hidden : decrypt({ cipher, derivation, derivationOptions, hidden, tag: reader, passphrase });
  const key = parseSection(section, cipher !== "none");
  if (!equalBytes(encodePublicBlob(key.material), publicBlob)) {
    throw damaged(WHAT, "halves that do not belong together");
  }
  return key;
}

/** Writes the file's text, with aes256-ctr under bcrypt where a passphrase is given. */
export function formatOpensshKey(key: PrivateKey, passphrase?: string): string {
  const check = randomBytes(4);
  const body = concatBytes([check, check, encodeSection(key.material), encodeString(key.comment)]);
  const publicBlob = encodePublicBlob(key.material);
  if (passphrase === undefined || passphrase === "") {
    return wrap([
      encodeString("none"),
      encodeString("none"),
      encodeString(""),
      encodeUint32(1),
      encodeString(publicBlob),
      encodeString(pad(body, PLAIN_BLOCK_BYTES)),
    ]);
  }
  const salt = randomBytes(16);
  const cipher = openCipher(WRITE_CIPHER);
  const { key: secret, iv } = deriveKey(cipher, passphrase, salt, WRITE_ROUNDS);
  const encryption = createCipheriv(cipher.name, secret, iv);
  const hidden = concatBytes([encryption.update(pad(body, AES_BLOCK_BYTES)), encryption.final()]);
  return wrap([
    encodeString(WRITE_CIPHER),
    encodeString("bcrypt"),
    encodeString(concatBytes([encodeString(salt), encodeUint32(WRITE_ROUNDS)])),
    encodeUint32(1),
    encodeString(publicBlob),
    encodeString(hidden),
  ]);
}

function unwrap(text: string): Uint8Array {
  const start = text.indexOf(OPENSSH_BEGIN);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw damaged(WHAT, "no begin or no end line");
  return decodeBase64(text.slice(start + OPENSSH_BEGIN.length, end), WHAT);
}

function wrap(fields: readonly Uint8Array[]): string {
  const text = encodeBase64(concatBytes([Buffer.from(MAGIC, "latin1"), ...fields]));
  return [OPENSSH_BEGIN, ...(text.match(/.{1,70}/g) ?? []), END, ""].join("\n");
}

type Hidden = {
  readonly cipher: string;
  readonly derivation: string;
  readonly derivationOptions: Uint8Array;
  readonly hidden: Uint8Array;
  /** Stands behind the hidden section; the authentication tag is read from it. */
  readonly tag: WireReader;
  readonly passphrase: string | undefined;
};

function decrypt({ cipher: name, derivation, derivationOptions, hidden, tag, passphrase }: Hidden): Uint8Array {
  const cipher = openCipher(name);
  if (derivation !== "bcrypt") throw damaged(WHAT, `an unknown key derivation "${derivation}"`);
  if (passphrase === undefined || passphrase === "") throw passphraseNeeded();
  const options = new WireReader(derivationOptions, WHAT);
  const salt = options.string();
  const rounds = options.uint32();
  if (rounds < 1 || rounds > MAX_ROUNDS) throw damaged(WHAT, `${rounds} rounds of key derivation`);
  const { key, iv } = deriveKey(cipher, passphrase, salt, rounds);
  try {
    const decryption = openDecipher(cipher, key, iv, tag);
    decryption.setAutoPadding(false);
    return concatBytes([decryption.update(hidden), decryption.final()]);
  } catch (cause) {
    throw wrongPassphrase(cause);
  }
}

function openDecipher(cipher: Cipher, key: Uint8Array, iv: Uint8Array, tag: WireReader): Decipheriv {
  if (cipher.tagBytes === 0) return createDecipheriv(cipher.name, key, iv);
  // The name is spelled out because the type of an authenticated cipher depends on it.
  const name = cipher.keyBytes === 16 ? "aes-128-gcm" : "aes-256-gcm";
  const decryption = createDecipheriv(name, key, iv);
  decryption.setAuthTag(tag.take(cipher.tagBytes));
  return decryption;
}

function openCipher(name: string): Cipher {
  const cipher = CIPHERS[name];
  if (cipher === undefined) {
    throw new UsageError(`Cannot read ${WHAT}: it is encrypted with "${name}"`, {
      code: "unsupported-key",
      hop: "ssh-key",
      hint: "Encrypt it anew: ssh-keygen -p -Z aes256-ctr -f FILE",
    });
  }
  return cipher;
}

function deriveKey(cipher: Cipher, passphrase: string, salt: Uint8Array, rounds: number) {
  const secret = new TextEncoder().encode(passphrase);
  const output = new Uint8Array(cipher.keyBytes + cipher.ivBytes);
  if (pbkdf(secret, secret.length, salt, salt.length, output, output.length, rounds) !== 0) {
    throw damaged(WHAT, "an empty salt");
  }
  return { key: output.subarray(0, cipher.keyBytes), iv: output.subarray(cipher.keyBytes) };
}

function parseSection(section: Uint8Array, isEncrypted: boolean): PrivateKey {
  const reader = new WireReader(section, WHAT);
  // The same random number twice: how OpenSSH recognises a right passphrase.
  const first = reader.uint32();
  if (reader.uint32() !== first) {
    throw isEncrypted ? wrongPassphrase() : damaged(WHAT, "check numbers that differ");
  }
  const material = parseMaterial(reader);
  const comment = reader.text();
  const padding = reader.take(reader.remaining);
  if (padding.some((byte, index) => byte !== index + 1)) throw damaged(WHAT, "wrong padding");
  return { material, comment };
}

function parseMaterial(reader: WireReader): KeyMaterial {
  const algorithm = reader.text();
  if (algorithm === "ssh-ed25519") {
    const publicKey = reader.string();
    const both = reader.string();
    const seed = both.subarray(0, ED25519_SIZE_BYTES);
    if (both.length !== 2 * ED25519_SIZE_BYTES || !equalBytes(both.subarray(ED25519_SIZE_BYTES), publicKey)) {
      throw damaged(WHAT, "a private half of the wrong length");
    }
    return { kind: "ed25519", publicKey: Uint8Array.from(publicKey), seed: Uint8Array.from(seed) };
  }
  if (algorithm === "ssh-rsa") {
    const [n, e, d, qInverse, p, q] = [0, 1, 2, 3, 4, 5].map(() => reader.number());
    return { kind: "rsa", n: n ?? 0n, e: e ?? 0n, d: d ?? 0n, p: p ?? 0n, q: q ?? 0n, qInverse: qInverse ?? 0n };
  }
  const curve = findCurve(algorithm.replace(/^ecdsa-sha2-/, ""));
  if (curve === undefined || !algorithm.startsWith("ecdsa-sha2-")) throw unsupportedKey(algorithm);
  if (reader.text() !== curve) throw damaged(WHAT, "two names of its curve");
  return { kind: "ecdsa", curve, point: Uint8Array.from(reader.string()), d: reader.number() };
}

function encodeSection(material: KeyMaterial): Uint8Array {
  const name = encodeString(keyAlgorithm(material));
  switch (material.kind) {
    case "ed25519": {
      const both = concatBytes([material.seed, material.publicKey]);
      return concatBytes([name, encodeString(material.publicKey), encodeString(both)]);
    }
    case "rsa": {
      const { n, e, d, qInverse, p, q } = material;
      return concatBytes([name, ...[n, e, d, qInverse, p, q].map(encodeNumber)]);
    }
    case "ecdsa":
      return concatBytes([name, encodeString(material.curve), encodeString(material.point), encodeNumber(material.d)]);
  }
}

function pad(body: Uint8Array, blockBytes: number): Uint8Array {
  const missing = (blockBytes - (body.length % blockBytes)) % blockBytes;
  return concatBytes([body, Uint8Array.from({ length: missing }, (_, index) => index + 1)]);
}
