// Head of an HTTP answer, read from bytes cut anywhere, of bounded length. Pure.

/** A parsed head; header names are in lower case, repeated headers joined by commas. */
export type ResponseHead = {
  readonly status: number;
  readonly reason: string;
  readonly headers: ReadonlyMap<string, string>;
};

/** What the bytes so far amount to. */
export type HeadProgress =
  | { readonly kind: "more" }
  | { readonly kind: "head"; readonly head: ResponseHead; readonly rest: Uint8Array }
  | { readonly kind: "not-http"; readonly start: string }
  | { readonly kind: "too-long" };

/** Longest head accepted: more than any real proxy or relay sends. */
const MAX_HEAD_BYTES = 16 * 1024;

/** How much of what is no head is kept for a message, more than is quoted: secrets are found in it only whole. */
const MAX_START_BYTES = 4096;

/** Collects bytes until the head is complete. */
export class HeadReader {
  #bytes: Uint8Array = new Uint8Array(0);

  /** Takes the next bytes. After `head` it must not be used again. */
  read(chunk: Uint8Array): HeadProgress {
    const searched = Math.max(0, this.#bytes.length - 3);
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (!startsLikeHttp(this.#bytes))
      return { kind: "not-http", start: latin1(this.#bytes.subarray(0, MAX_START_BYTES)) };
    const end = findEnd(this.#bytes, searched);
    if (end === -1) return this.#bytes.length > MAX_HEAD_BYTES ? { kind: "too-long" } : { kind: "more" };
    if (end > MAX_HEAD_BYTES) return { kind: "too-long" };
    const text = latin1(this.#bytes.subarray(0, end));
    const head = parseHead(text);
    if (head === undefined) return { kind: "not-http", start: text.slice(0, MAX_START_BYTES) };
    return { kind: "head", head, rest: this.#bytes.subarray(end + 4) };
  }

  /** What has come so far, for a message. */
  get start(): string {
    return latin1(this.#bytes.subarray(0, MAX_START_BYTES));
  }
}

function startsLikeHttp(bytes: Uint8Array): boolean {
  const expected = "HTTP/";
  for (let index = 0; index < Math.min(bytes.length, expected.length); index += 1) {
    if (bytes[index] !== expected.charCodeAt(index)) return false;
  }
  return true;
}

function findEnd(bytes: Uint8Array, from: number): number {
  for (let index = from; index + 3 < bytes.length; index += 1) {
    if (bytes[index] === 13 && bytes[index + 1] === 10 && bytes[index + 2] === 13 && bytes[index + 3] === 10)
      return index;
  }
  return -1;
}

function parseHead(text: string): ResponseHead | undefined {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(statusLine);
  if (match === null) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return { status: Number(match[1]), reason: match[2] ?? "", headers };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
