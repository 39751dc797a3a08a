// A host key as PuTTY keeps it: numbers in hexadecimal under a name made of algorithm, port and address.
import { appendLines, splitLines, stripLineEnd } from "./byte-text.ts";
import { type HostKey, hostKeyBlob } from "./host-key.ts";
import { CURVES, ED25519_SIZE_BYTES, findCurve } from "./key-material.ts";
import { bytesToNumber, damaged, WireReader } from "./wire.ts";

/** One entry: a registry value, or one line of `sshhostkeys`. */
export type PuttyHostKey = { readonly name: string; readonly value: string };

const WHAT = "the host key";

/** Ed25519: p = 2^255 - 19 and the curve's d (RFC 8032, section 5.1). */
const P = 2n ** 255n - 19n;
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;

/** PuTTY's entry for a host key; undefined for kinds that PuTTY (or we) cannot use. */
export function puttyHostKey(key: HostKey, address: string, port: number): PuttyHostKey | undefined {
  const reader = new WireReader(hostKeyBlob(key), WHAT);
  const type = reader.text();
  const at = `@${port}:${address}`;
  if (type === "ssh-ed25519") return { name: `ssh-ed25519${at}`, value: ed25519Value(reader.string()) };
  if (type === "ssh-rsa") {
    const e = reader.number();
    return { name: `rsa2${at}`, value: `${hex(e)},${hex(reader.number())}` };
  }
  const curve = findCurve(type.replace(/^ecdsa-sha2-/, ""));
  if (curve === undefined || !type.startsWith("ecdsa-sha2-")) return undefined;
  reader.string();
  const point = reader.string();
  const { sizeBytes } = CURVES[curve];
  if (point.length !== 1 + 2 * sizeBytes || point[0] !== 4) throw damaged(WHAT, "a curve point in another form");
  const x = bytesToNumber(point.subarray(1, 1 + sizeBytes));
  const y = bytesToNumber(point.subarray(1 + sizeBytes));
  return { name: `${type}${at}`, value: `${curve},${hex(x)},${hex(y)}` };
}

/** Finds an entry's value in the text of `sshhostkeys`. */
export function findPuttyHostKey(text: string, name: string): string | undefined {
  const line = splitLines(text).find((other) => other.startsWith(`${name} `));
  return line === undefined ? undefined : stripLineEnd(line).slice(name.length + 1);
}

/** Sets an entry in the text of `sshhostkeys`: in place where there is one, else at the end. */
export function putPuttyHostKey(text: string, entry: PuttyHostKey): string {
  const line = `${entry.name} ${entry.value}`;
  if (findPuttyHostKey(text, entry.name) === undefined) return appendLines(text, [line]);
  return mapEntry(text, entry.name, (old) => old.replace(stripLineEnd(old), () => line));
}

/** Removes an entry. */
export function removePuttyHostKey(text: string, name: string): string {
  return mapEntry(text, name, () => "");
}

function mapEntry(text: string, name: string, change: (line: string) => string): string {
  return splitLines(text)
    .map((line) => (line.startsWith(`${name} `) ? change(line) : line))
    .join("");
}

/** The wire holds y and the parity of x; PuTTY wants both coordinates. */
function ed25519Value(bytes: Uint8Array): string {
  if (bytes.length !== ED25519_SIZE_BYTES) throw damaged(WHAT, "a key of the wrong length");
  const number = bytesToNumber(Uint8Array.from(bytes).reverse());
  const parity = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  const square = modulo((y * y - 1n) * power(D * y * y + 1n, P - 2n));
  const root = squareRoot(square);
  if (root === undefined || y >= P) throw damaged(WHAT, "a point that is not on the curve");
  const x = (root & 1n) === parity ? root : modulo(-root);
  return `${hex(x)},${hex(y)}`;
}

/** Square root modulo P, which is 5 modulo 8. */
function squareRoot(square: bigint): bigint | undefined {
  const candidate = power(square, (P + 3n) / 8n);
  if (modulo(candidate * candidate) === square) return candidate;
  const turned = modulo(candidate * power(2n, (P - 1n) / 4n));
  return modulo(turned * turned) === square ? turned : undefined;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let factor = modulo(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * factor);
    factor = modulo(factor * factor);
  }
  return result;
}

function modulo(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
