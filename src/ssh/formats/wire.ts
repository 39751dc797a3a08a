// The data types of RFC 4251, section 5, as they stand in keys and signatures: counted strings and big numbers.
import { UsageError } from "../../domain/errors.ts";

/** Reads the fields of an SSH blob one after the other. Every short or damaged field throws UsageError. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  /** `what` names the text in errors: "the private key". */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint32(): number {
    const field = this.take(4);
    return new DataView(field.buffer, field.byteOffset, 4).getUint32(0);
  }

  /** A counted string of bytes. */
  string(): Uint8Array {
    return this.take(this.uint32());
  }

  /** A counted string that must be UTF-8. */
  text(): string {
    return decodeUtf8(this.string(), this.#what);
  }

  /** A non-negative `mpint`. */
  number(): bigint {
    const field = this.string();
    if (field.length > 0 && (field[0] ?? 0) > 127) throw damaged(this.#what, "a negative number");
    return bytesToNumber(field);
  }

  take(length: number): Uint8Array {
    if (length > this.remaining) throw damaged(this.#what, "a field that runs past the end");
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }
}

/** `uint32` in network order. */
export function encodeUint32(value: number): Uint8Array {
  const field = new Uint8Array(4);
  new DataView(field.buffer).setUint32(0, value);
  return field;
}

/** A counted string. */
export function encodeString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return concatBytes([encodeUint32(bytes.length), bytes]);
}

/** A non-negative `mpint`: counted, shortest form, top bit clear. */
export function encodeNumber(value: bigint): Uint8Array {
  const bytes = numberToBytes(value);
  return encodeString((bytes[0] ?? 0) > 127 ? concatBytes([Uint8Array.of(0), bytes]) : bytes);
}

/** Big-endian bytes to a number. */
export function bytesToNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** A number to big-endian bytes, padded in front to `length` where given. Zero without a length is empty. */
export function numberToBytes(value: bigint, length = 0): Uint8Array {
  const hex = value === 0n ? "" : value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return bytes.length >= length ? bytes : concatBytes([new Uint8Array(length - bytes.length), bytes]);
}

/** Joins byte arrays. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Whether both hold the same bytes. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Strict base64, white space ignored. `what` names the text in the error. */
export function decodeBase64(text: string, what: string): Uint8Array {
  const compact = text.replaceAll(/\s+/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact))
    throw damaged(what, "text that is not base64");
  return Uint8Array.from(Buffer.from(compact, "base64"));
}

/** Base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** The error for outside data that breaks its format. */
export function damaged(what: string, detail: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot read ${what}: it holds ${detail}`, { code: "damaged-key", hop: "ssh-key", cause });
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw damaged(what, "text that is not UTF-8", cause);
  }
}
