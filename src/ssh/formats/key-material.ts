// One model of a private key for every file format, and its way to and from what node:crypto understands.
import { createPrivateKey, createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { UsageError } from "../../domain/errors.ts";
import { bytesToNumber, concatBytes, damaged, encodeNumber, encodeString, equalBytes, numberToBytes } from "./wire.ts";

/** The three NIST curves of RFC 5656. */
export type EcdsaCurve = "nistp256" | "nistp384" | "nistp521";

/** The numbers of a private key. Holds secrets: never logged, never journaled. */
export type KeyMaterial =
  | { readonly kind: "ed25519"; readonly publicKey: Uint8Array; readonly seed: Uint8Array }
  | {
      readonly kind: "rsa";
      readonly n: bigint;
      readonly e: bigint;
      readonly d: bigint;
      readonly p: bigint;
      readonly q: bigint;
      /** Inverse of q modulo p. */
      readonly qInverse: bigint;
    }
  | { readonly kind: "ecdsa"; readonly curve: EcdsaCurve; readonly point: Uint8Array; readonly d: bigint };

/** A private key with the comment that its file carried. */
export type PrivateKey = { readonly material: KeyMaterial; readonly comment: string };

/** JOSE name and field size in bytes of each curve. */
export const CURVES: Readonly<Record<EcdsaCurve, { readonly jose: string; readonly sizeBytes: number }>> = {
  nistp256: { jose: "P-256", sizeBytes: 32 },
  nistp384: { jose: "P-384", sizeBytes: 48 },
  nistp521: { jose: "P-521", sizeBytes: 66 },
};

/** Length of an ed25519 seed and of its public key. */
export const ED25519_SIZE_BYTES = 32;

/** The curve of that name; undefined for curves nobody uses for SSH. */
export function findCurve(name: string): EcdsaCurve | undefined {
  return name === "nistp256" || name === "nistp384" || name === "nistp521" ? name : undefined;
}

/** The key's name on the wire: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`. */
export function keyAlgorithm(material: KeyMaterial): string {
  switch (material.kind) {
    case "ed25519":
      return "ssh-ed25519";
    case "rsa":
      return "ssh-rsa";
    case "ecdsa":
      return `ecdsa-sha2-${material.curve}`;
  }
}

/** The public half as SSH sends it (RFC 4253, section 6.6; RFC 5656; RFC 8709). */
export function encodePublicBlob(material: KeyMaterial): Uint8Array {
  const name = encodeString(keyAlgorithm(material));
  switch (material.kind) {
    case "ed25519":
      return concatBytes([name, encodeString(material.publicKey)]);
    case "rsa":
      return concatBytes([name, encodeNumber(material.e), encodeNumber(material.n)]);
    case "ecdsa":
      return concatBytes([name, encodeString(material.curve), encodeString(material.point)]);
  }
}

/** The key for node:crypto. Throws UsageError when the numbers do not belong together. */
export function toKeyObject(material: KeyMaterial): KeyObject {
  try {
    const key = createPrivateKey({ key: toJwk(material), format: "jwk" });
    // The runtime does not compare the halves itself: a public half from elsewhere would go unnoticed.
    const halves = createPublicKey(createPrivateKey(key.export({ format: "pem", type: "pkcs8" }))).export({
      format: "jwk",
    });
    if (!hasPublicHalf(material, halves)) throw damaged("the private key", "halves that do not belong together");
    return key;
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw damaged("the private key", "numbers that make no key", cause);
  }
}

/** A key of node:crypto to our model. Throws UsageError for kinds SSH has no use for. */
export function fromKeyObject(key: KeyObject): KeyMaterial {
  const jwk = key.export({ format: "jwk" });
  if (jwk.kty === "RSA") {
    return {
      kind: "rsa",
      n: jwkNumber(jwk.n),
      e: jwkNumber(jwk.e),
      d: jwkNumber(jwk.d),
      p: jwkNumber(jwk.p),
      q: jwkNumber(jwk.q),
      qInverse: jwkNumber(jwk.qi),
    };
  }
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") {
    return { kind: "ed25519", publicKey: jwkBytes(jwk.x), seed: jwkBytes(jwk.d) };
  }
  const curve = Object.entries(CURVES).find(([, { jose }]) => jwk.kty === "EC" && jwk.crv === jose)?.[0] ?? "";
  const name = findCurve(curve);
  if (name === undefined) throw unsupportedKey(`${jwk.crv ?? jwk.kty}`);
  const point = concatBytes([Uint8Array.of(4), jwkBytes(jwk.x), jwkBytes(jwk.y)]);
  return { kind: "ecdsa", curve: name, point, d: jwkNumber(jwk.d) };
}

/** The error for keys we understand too little of to use. */
export function unsupportedKey(kind: string): UsageError {
  return new UsageError(`Keys of type "${kind}" cannot be used`, {
    code: "unsupported-key",
    hop: "ssh-key",
    hint: "Use an ed25519, RSA or ECDSA (nistp256, nistp384, nistp521) key",
  });
}

function toJwk(material: KeyMaterial): webcrypto.JsonWebKey {
  switch (material.kind) {
    case "ed25519":
      return { kty: "OKP", crv: "Ed25519", x: base64Url(material.publicKey), d: base64Url(material.seed) };
    case "rsa": {
      const { n, e, d, p, q, qInverse } = material;
      if (p < 2n || q < 2n || p * q !== n) throw damaged("the private key", "halves that do not belong together");
      const numbers = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: qInverse };
      const fields = Object.entries(numbers).map(([name, value]) => [name, base64Url(numberToBytes(value))]);
      return { kty: "RSA", ...Object.fromEntries(fields) };
    }
    case "ecdsa": {
      const { jose, sizeBytes } = CURVES[material.curve];
      if (material.point.length !== 1 + 2 * sizeBytes || material.point[0] !== 4) {
        throw damaged("the private key", "a curve point that is cut short or compressed");
      }
      const x = material.point.subarray(1, 1 + sizeBytes);
      const y = material.point.subarray(1 + sizeBytes);
      return {
        kty: "EC",
        crv: jose,
        x: base64Url(x),
        y: base64Url(y),
        d: base64Url(numberToBytes(material.d, sizeBytes)),
      };
    }
  }
}

function hasPublicHalf(material: KeyMaterial, halves: webcrypto.JsonWebKey): boolean {
  switch (material.kind) {
    case "ed25519":
      return equalBytes(jwkBytes(halves.x), material.publicKey);
    case "rsa":
      return jwkNumber(halves.n) === material.n && jwkNumber(halves.e) === material.e;
    case "ecdsa":
      return equalBytes(concatBytes([Uint8Array.of(4), jwkBytes(halves.x), jwkBytes(halves.y)]), material.point);
  }
}

function jwkBytes(field: string | undefined): Uint8Array {
  if (field === undefined) throw damaged("the private key", "only a public half");
  return Uint8Array.from(Buffer.from(field, "base64url"));
}

function jwkNumber(field: string | undefined): bigint {
  return bytesToNumber(jwkBytes(field));
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
