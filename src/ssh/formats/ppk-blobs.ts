// The two halves of a key as PPK files hold them: the public blob of SSH, and a private blob of PuTTY's own.
import { ED25519_SIZE_BYTES, findCurve, type KeyMaterial, unsupportedKey } from "./key-material.ts";
import { concatBytes, damaged, encodeNumber, encodeString, WireReader } from "./wire.ts";

const WHAT = "the PPK file";

/** The private blob, unpadded. */
export function encodePpkPrivate(material: KeyMaterial): Uint8Array {
  switch (material.kind) {
    case "ed25519":
      return encodeString(material.seed);
    case "rsa":
      return concatBytes([material.d, material.p, material.q, material.qInverse].map(encodeNumber));
    case "ecdsa":
      return encodeNumber(material.d);
  }
}

/** Joins both blobs; padding behind the private one is ignored. */
export function parsePpkMaterial(algorithm: string, publicBlob: Uint8Array, privateBlob: Uint8Array): KeyMaterial {
  const open = new WireReader(publicBlob, WHAT);
  const secret = new WireReader(privateBlob, WHAT);
  if (open.text() !== algorithm) throw damaged(WHAT, "two names of its key type");
  if (algorithm === "ssh-ed25519") {
    const publicKey = Uint8Array.from(open.string());
    const seed = Uint8Array.from(secret.string());
    if (seed.length !== ED25519_SIZE_BYTES) throw damaged(WHAT, "a private half of the wrong length");
    return { kind: "ed25519", publicKey, seed };
  }
  if (algorithm === "ssh-rsa") {
    const e = open.number();
    const n = open.number();
    const d = secret.number();
    const p = secret.number();
    const q = secret.number();
    return { kind: "rsa", n, e, d, p, q, qInverse: secret.number() };
  }
  const curve = findCurve(algorithm.replace(/^ecdsa-sha2-/, ""));
  if (curve === undefined || !algorithm.startsWith("ecdsa-sha2-")) throw unsupportedKey(algorithm);
  if (open.text() !== curve) throw damaged(WHAT, "two names of its curve");
  return { kind: "ecdsa", curve, point: Uint8Array.from(open.string()), d: secret.number() };
}
