// Reads and writes byte streams the way a test wants to: with promises.
import type { ByteStream } from "../../src/domain/byte-stream.ts";
import { eventually } from "./eventually.ts";

/** What came out of a stream so far. */
export class StreamReader {
  readonly #stream: ByteStream;
  readonly #chunks: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #drain: () => void = () => undefined;
  bytes = 0;
  /** Bytes the stream has taken from `write`. */
  writtenBytes = 0;
  hasEnded = false;
  isClosed = false;
  error: Error | undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.attach({
      onData: (chunk) => {
        this.#chunks.push(chunk);
        this.bytes += chunk.length;
        this.#wake();
      },
      onDrain: () => this.#drain(),
      onEnd: () => {
        this.hasEnded = true;
        this.#wake();
      },
      onClose: (error) => {
        this.isClosed = true;
        this.error = error;
        this.#drain();
        this.#wake();
      },
    });
  }

  /** All bytes so far. */
  get data(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves with all bytes as soon as there are so many; rejects when the stream is over before. */
  async atLeast(count: number): Promise<Buffer> {
    await this.#until(() => this.bytes >= count || this.hasEnded || this.isClosed);
    if (this.bytes < count)
      throw new Error(`The stream is over after ${this.bytes} of ${count} bytes`, { cause: this.error });
    return this.data;
  }

  /** Resolves with all bytes when the peer has ended or the stream is closed. */
  async toEnd(): Promise<Buffer> {
    await this.#until(() => this.hasEnded || this.isClosed);
    return this.data;
  }

  /** Resolves with the error, if any, when the stream is closed. */
  async toClose(): Promise<Error | undefined> {
    await this.#until(() => this.isClosed);
    return this.error;
  }

  /** Writes everything, waiting for room. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    for (;;) {
      const drained = new Promise<void>((resolve) => {
        this.#drain = resolve;
      });
      const taken = this.#stream.write(rest);
      this.writtenBytes += taken;
      rest = rest.subarray(taken);
      if (rest.length === 0) return;
      if (this.isClosed) throw new Error("The stream closed during a write", { cause: this.error });
      await drained;
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Resolves with a count when it has not changed for some turns of the event loop. */
export function standsStill(count: () => number): Promise<number> {
  let last = -1;
  let unchanged = 0;
  return eventually(() => {
    const now = count();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
    if (unchanged < 5) throw new Error(`Still moving: ${now}`);
    return now;
  });
}
