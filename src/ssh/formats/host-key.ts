// Public keys as one line of text: host keys, `.pub` files, the middle of known_hosts and authorized_keys lines.
import { createHash } from "node:crypto";
import { damaged, decodeBase64, encodeBase64, WireReader } from "./wire.ts";

/** A public key. */
export type HostKey = {
  /** `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`, ... */
  readonly type: string;
  /** The key blob in base64, as it stands in every file. */
  readonly base64: string;
};

/** Longest blob we look at; RSA with 16384 bits takes 2 KB. */
const MAX_BLOB_BYTES = 16_384;

/** Reads `TYPE BASE64 [COMMENT]`. Throws UsageError when it is no such line. */
export function parseHostKey(line: string): HostKey {
  const [type, base64] = line.trim().split(/\s+/);
  if (type === undefined || base64 === undefined) throw damaged("the public key", "less than two words");
  const key = hostKeyOfBlob(decodeBase64(base64, "the public key"));
  if (key.type !== type) throw damaged("the public key", "two names of its type");
  return key;
}

/** Finds the public keys among other lines, in order, each once. */
export function findHostKeys(text: string): readonly HostKey[] {
  const found = new Map<string, HostKey>();
  for (const line of text.split(/\r?\n/)) {
    if (!/^[a-z0-9@.-]+ +[A-Za-z0-9+/]{20,}={0,2}(?: |$)/.test(line)) continue;
    try {
      const key = parseHostKey(line);
      found.set(key.base64, key);
    } catch {
      // Words that merely look like a key: not for us to judge.
    }
  }
  return [...found.values()];
}

/** The key of a blob, as a server shows it. */
export function hostKeyOfBlob(blob: Uint8Array): HostKey {
  if (blob.length > MAX_BLOB_BYTES) throw damaged("the public key", "too much");
  const type = new WireReader(blob, "the public key").text();
  if (!/^[a-z0-9][a-z0-9@.-]{2,63}$/.test(type)) throw damaged("the public key", "no name of its type");
  return { type, base64: encodeBase64(blob) };
}

/** `TYPE BASE64`. */
export function formatHostKey(key: HostKey): string {
  return `${key.type} ${key.base64}`;
}

/** The blob itself. */
export function hostKeyBlob(key: HostKey): Uint8Array {
  return decodeBase64(key.base64, "the public key");
}

/** `SHA256:...` as OpenSSH and PuTTY print it, without padding. */
export function fingerprint(key: HostKey): string {
  const digest = createHash("sha256").update(hostKeyBlob(key)).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}
