// Reads the head of a proxy's reply to CONNECT, however the bytes are cut, and keeps what follows it.

/** Far more than proxies send; a head that is longer is no head. */
const MAX_HEAD_BYTES = 16 * 1024;

const CR = 13;
const LF = 10;

/** A head that was understood. */
export type ReplyHead = {
  readonly status: number;
  /** The status line as sent; foreign text. */
  readonly statusLine: string;
  /** By lower-case name; of equal ones the last. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes behind the blank line that came along. */
  readonly rest: Uint8Array;
};

/** What the bytes so far amount to. */
export type ReplyProgress =
  | { readonly kind: "incomplete" }
  | { readonly kind: "head"; readonly head: ReplyHead }
  /** Not HTTP; `start` are the first bytes. */
  | { readonly kind: "foreign"; readonly start: Uint8Array }
  | { readonly kind: "too-long" };

/** Collects one reply head. */
export class ReplyHeadReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #scanned = 0;

  /** Bytes seen so far. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Adds bytes and says what they amount to. Not to be called again after anything but `incomplete`. */
  add(chunk: Uint8Array): ReplyProgress {
    this.#bytes = this.#bytes.length === 0 ? chunk : concatenate(this.#bytes, chunk);
    if (!isPerhapsHttp(this.#bytes)) return { kind: "foreign", start: this.#bytes.subarray(0, 64) };
    const end = this.#findEnd();
    if (end === undefined) {
      return this.#bytes.length > MAX_HEAD_BYTES ? { kind: "too-long" } : { kind: "incomplete" };
    }
    if (end > MAX_HEAD_BYTES) return { kind: "too-long" };
    const head = parseHead(this.#bytes.subarray(0, end), this.#bytes.subarray(end));
    return head === undefined ? { kind: "foreign", start: this.#bytes.subarray(0, 64) } : { kind: "head", head };
  }

  /** Index behind the blank line. Lines may end in LF alone (RFC 9112, section 2.2). */
  #findEnd(): number | undefined {
    const bytes = this.#bytes;
    for (let index = Math.max(this.#scanned, 1); index < bytes.length; index += 1) {
      if (bytes[index] !== LF) continue;
      const before = bytes[index - 1] === CR ? index - 2 : index - 1;
      if (bytes[before] === LF) return index + 1;
    }
    this.#scanned = bytes.length;
    return undefined;
  }
}

/** Whether the first bytes may still become `HTTP/1.1 200`. */
function isPerhapsHttp(bytes: Uint8Array): boolean {
  const expected = "HTTP/";
  for (let index = 0; index < Math.min(bytes.length, expected.length); index += 1) {
    if (bytes[index] !== expected.charCodeAt(index)) return false;
  }
  return true;
}

function parseHead(head: Uint8Array, rest: Uint8Array): ReplyHead | undefined {
  const [statusLine = "", ...lines] = Buffer.from(head).toString("latin1").trimEnd().split(/\r?\n/);
  const match = /^HTTP\/\d(?:\.\d)? +(\d{3})(?: |$)/.exec(`${statusLine} `);
  if (match === null) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(match[1]), statusLine, headers, rest };
}

function concatenate(one: Uint8Array, other: Uint8Array): Uint8Array {
  const result = new Uint8Array(one.length + other.length);
  result.set(one);
  result.set(other, one.length);
  return result;
}
