// PuTTY's private key files, versions 2 and 3 (PuTTY manual, appendix C), read and written with and without a passphrase.
import {
  argon2Sync,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { UsageError } from "../../domain/errors.ts";
import { passphraseNeeded, wrongPassphrase } from "./key-errors.ts";
import { encodePublicBlob, keyAlgorithm, type PrivateKey } from "./key-material.ts";
import { encodePpkPrivate, parsePpkMaterial } from "./ppk-blobs.ts";
import { type PpkDerivation, type PpkFile, parsePpkFile, renderPpkFile } from "./ppk-file.ts";
import { concatBytes, damaged, encodeString } from "./wire.ts";

const WHAT = "the PPK file";
const AES_BLOCK_BYTES = 16;

/** PuTTYgen's own memory and parallelism; its pass count aims at 100 ms, which is about this many. */
const WRITE_DERIVATION = { kind: "Argon2id", memoryKib: 8192, passes: 13, parallelism: 1 } as const;

/** What a PPK is written with. */
export type PpkOptions = { readonly version: 2 | 3; readonly passphrase?: string | undefined };

/** Whether the text is a PPK file of any version. */
export function isPpk(text: string): boolean {
  return text.startsWith("PuTTY-User-Key-File-");
}

/** Reads a PPK. Throws UsageError when it is damaged or a passphrase is missing, AuthError when it is wrong. */
export function parsePpk(text: string, passphrase?: string): PrivateKey {
  const file = parsePpkFile(text);
  const isEncrypted = file.encryption !== "none";
  if (isEncrypted && (passphrase === undefined || passphrase === "")) throw passphraseNeeded();
  const keys = deriveKeys(file, isEncrypted ? (passphrase ?? "") : "");
  const plain = isEncrypted ? decrypt(file.privateBlob, keys) : file.privateBlob;
  const mac = computeMac(file, plain, keys.mac);
  if (mac.length !== file.mac.length || !timingSafeEqual(mac, file.mac)) {
    throw isEncrypted ? wrongPassphrase() : damaged(WHAT, "a check sum that does not fit: it was changed or cut");
  }
  return { material: parsePpkMaterial(file.algorithm, file.publicBlob, plain), comment: file.comment };
}

/** Writes a PPK. Version 3 needs PuTTY 0.75 or newer; version 2 is read by every PuTTY, WinSCP and FileZilla. */
export function formatPpk(key: PrivateKey, options: PpkOptions): string {
  if (/[\r\n]/.test(key.comment)) {
    throw new UsageError("Cannot write a PPK file: the comment has several lines", { hop: "ssh-key" });
  }
  const passphrase = options.passphrase ?? "";
  const isEncrypted = passphrase !== "";
  const secret = encodePpkPrivate(key.material);
  const plain = isEncrypted ? pad(secret) : secret;
  const file = {
    version: options.version,
    algorithm: keyAlgorithm(key.material),
    encryption: isEncrypted ? ("aes256-cbc" as const) : ("none" as const),
    comment: key.comment,
    publicBlob: encodePublicBlob(key.material),
    derivation: isEncrypted && options.version === 3 ? { ...WRITE_DERIVATION, salt: randomBytes(16) } : undefined,
  };
  const keys = deriveKeys(file, passphrase);
  const mac = computeMac(file, plain, keys.mac);
  return renderPpkFile({ ...file, privateBlob: isEncrypted ? encrypt(plain, keys) : plain, mac });
}

type PpkKeys = { readonly cipher: Uint8Array; readonly iv: Uint8Array; readonly mac: Uint8Array };

function deriveKeys(file: Pick<PpkFile, "version" | "encryption" | "derivation">, passphrase: string): PpkKeys {
  const secret = new TextEncoder().encode(passphrase);
  if (file.version === 2) {
    const halves = [0, 1].map((counter) => sha1([Uint8Array.of(0, 0, 0, counter), secret]));
    return {
      cipher: concatBytes(halves).subarray(0, 32),
      iv: new Uint8Array(AES_BLOCK_BYTES),
      mac: sha1([Buffer.from("putty-private-key-file-mac-key"), secret]),
    };
  }
  if (file.derivation === undefined) {
    return { cipher: new Uint8Array(32), iv: new Uint8Array(AES_BLOCK_BYTES), mac: new Uint8Array(0) };
  }
  const bytes = deriveArgon2(file.derivation, secret);
  return { cipher: bytes.subarray(0, 32), iv: bytes.subarray(32, 48), mac: bytes.subarray(48) };
}

function deriveArgon2(derivation: PpkDerivation, secret: Uint8Array): Uint8Array {
  const algorithm = ({ Argon2id: "argon2id", Argon2i: "argon2i", Argon2d: "argon2d" } as const)[derivation.kind];
  try {
    return argon2Sync(algorithm, {
      message: secret,
      nonce: derivation.salt,
      memory: derivation.memoryKib,
      passes: derivation.passes,
      parallelism: derivation.parallelism,
      tagLength: 80,
    });
  } catch (cause) {
    throw damaged(WHAT, "key derivation values that cannot be used", cause);
  }
}

function computeMac(
  file: Pick<PpkFile, "version" | "algorithm" | "encryption" | "comment" | "publicBlob">,
  plain: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const fields = [file.algorithm, file.encryption, file.comment, file.publicBlob, plain];
  return createHmac(file.version === 2 ? "sha1" : "sha256", key)
    .update(concatBytes(fields.map(encodeString)))
    .digest();
}

function encrypt(plain: Uint8Array, keys: PpkKeys): Uint8Array {
  const cipher = createCipheriv("aes-256-cbc", keys.cipher, keys.iv).setAutoPadding(false);
  return concatBytes([cipher.update(plain), cipher.final()]);
}

function decrypt(hidden: Uint8Array, keys: PpkKeys): Uint8Array {
  if (hidden.length % AES_BLOCK_BYTES !== 0) throw damaged(WHAT, "a private half that is cut short");
  const cipher = createDecipheriv("aes-256-cbc", keys.cipher, keys.iv).setAutoPadding(false);
  return concatBytes([cipher.update(hidden), cipher.final()]);
}

/** PuTTY pads with the blob's own hash instead of a counter. */
function pad(blob: Uint8Array): Uint8Array {
  const missing = (AES_BLOCK_BYTES - (blob.length % AES_BLOCK_BYTES)) % AES_BLOCK_BYTES;
  return concatBytes([blob, sha1([blob]).subarray(0, missing)]);
}

function sha1(parts: readonly Uint8Array[]): Uint8Array {
  return createHash("sha1").update(concatBytes(parts)).digest();
}
