// A certificate that nobody vouches for, made from scratch (X.509 v3, RFC 5280): neither the runtime nor its crypto
// module can make one.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** PEM texts for a TLS server. */
export type Certificate = { readonly key: string; readonly cert: string };

const TAG = {
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utf8: 12,
  utcTime: 23,
  sequence: 0x30,
  set: 0x31,
};

// ecdsa-with-SHA256, commonName, subjectAltName.
const ECDSA_WITH_SHA256 = Buffer.from("2a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("551d11", "hex");

/** Context tags inside the certificate and inside a GeneralName. */
const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;
const DNS_NAME_TAG = 0x82;
const IP_ADDRESS_TAG = 0x87;

const YEAR_MS = 365 * 24 * 3_600_000;

/** Makes a key and a certificate for `localhost` and 127.0.0.1, valid for a year around now. */
export function makeSelfSignedCertificate(commonName: string, now: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const body = encodeBody(commonName, publicKey, now);
  const signature = sign("sha256", body, privateKey);
  const der = sequence(body, sequence(element(TAG.oid, ECDSA_WITH_SHA256)), bitString(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function encodeBody(commonName: string, publicKey: KeyObject, now: number): Buffer {
  const name = sequence(
    element(TAG.set, sequence(element(TAG.oid, COMMON_NAME), element(TAG.utf8, Buffer.from(commonName)))),
  );
  const names = sequence(
    element(DNS_NAME_TAG, Buffer.from("localhost")),
    element(IP_ADDRESS_TAG, Buffer.from([127, 0, 0, 1])),
  );
  const alternatives = sequence(element(TAG.oid, SUBJECT_ALT_NAME), element(TAG.octetString, names));
  return sequence(
    element(VERSION_TAG, element(TAG.integer, Buffer.from([2]))),
    // A leading byte below 0x80 keeps the number positive, one above 0 keeps its encoding the shortest.
    element(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    sequence(element(TAG.oid, ECDSA_WITH_SHA256)),
    name,
    sequence(encodeTime(now - YEAR_MS / 2), encodeTime(now + YEAR_MS / 2)),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    element(EXTENSIONS_TAG, sequence(alternatives)),
  );
}

/** UTCTime, as the RFC wants it until 2049. */
function encodeTime(ms: number): Buffer {
  const text = new Date(ms)
    .toISOString()
    .replace(/[-:T]|\.\d+/g, "")
    .slice(2);
  return element(TAG.utcTime, Buffer.from(text));
}

function bitString(bytes: Buffer): Buffer {
  return element(TAG.bitString, Buffer.concat([Buffer.from([0]), bytes]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(TAG.sequence, ...parts);
}

/** One DER element. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
