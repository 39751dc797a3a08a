// Compares the key an SSH server shows with those we were told.
import { createHash } from "node:crypto";

/** Whether the key (as on the wire) is among the expected: `SHA256:...` fingerprints or base64 keys, with or without the
 * type before and a comment behind. */
export function isExpectedHostKey(key: Uint8Array, expected: readonly string[]): boolean {
  const base64 = Buffer.from(key).toString("base64").replace(/=+$/, "");
  const fingerprint = fingerprintOf(key);
  return expected.some((line) =>
    line.split(/\s+/).some((word) => {
      const bare = word.replace(/=+$/, "");
      return bare === base64 || bare === fingerprint;
    }),
  );
}

/** `SHA256:` and the base64 hash without padding, as OpenSSH prints it. */
function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** Signature algorithms to ask the server for first, so that it shows a key of a type we know; empty where only
 * fingerprints are known. */
export function hostKeyAlgorithms(expected: readonly string[]): readonly string[] {
  const types = expected.flatMap((line) => line.split(/\s+/).map(keyType).slice(0, 2));
  const known = types.filter((type) => type !== undefined);
  return [...new Set(known.flatMap((type) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type])))];
}

/** Type written inside a base64 key (RFC 4253, section 6.6); undefined for anything else. */
function keyType(word: string): string | undefined {
  if (!word.startsWith("AAAA")) return undefined;
  const bytes = Buffer.from(word, "base64");
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE(0);
  const name = bytes.subarray(4, 4 + length).toString("latin1");
  return /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))$/.test(name) ? name : undefined;
}
