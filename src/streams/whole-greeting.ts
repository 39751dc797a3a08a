// Hands on an SSH server's identification in one piece, however the network has cut it: ssh2 1.17.0 keeps only the first
// of several pieces of that line, and then waits for ever.
import type { ByteStream, StreamSink } from "../domain/byte-stream.ts";

/** Longest text that may come before the end of the identification; a server that says more is none. */
const MAX_GREETING_BYTES = 64 * 1024;

/** The same stream, silent until the identification line is complete. */
export class WholeGreeting implements ByteStream {
  readonly canHalfClose: boolean;
  readonly #stream: ByteStream;
  /** Undefined once the line has come. */
  #held: Buffer | undefined = Buffer.alloc(0);
  #sink: StreamSink | undefined;
  readonly #onChunk: (chunk: Uint8Array) => void;

  /** `onChunk` hears of every chunk as it comes. */
  constructor(stream: ByteStream, onChunk: (chunk: Uint8Array) => void) {
    this.#onChunk = onChunk;
    this.#stream = stream;
    this.canHalfClose = stream.canHalfClose;
  }

  attach(sink: StreamSink): void {
    this.#sink = sink;
    this.#stream.attach({
      onData: (chunk) => this.#take(chunk),
      onDrain: () => this.#sink?.onDrain(),
      onEnd: () => {
        this.#giveAll();
        this.#sink?.onEnd();
      },
      onClose: (error) => {
        this.#giveAll();
        this.#sink?.onClose(error);
      },
    });
  }

  write(chunk: Uint8Array): number {
    return this.#stream.write(chunk);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error);
  }

  #take(chunk: Uint8Array): void {
    this.#onChunk(chunk);
    if (this.#held === undefined) {
      this.#sink?.onData(chunk);
      return;
    }
    this.#held = Buffer.concat([this.#held, chunk]);
    const isWhole = /(?:^|\n)SSH-[^\n]*\n/.test(this.#held.toString("latin1"));
    if (isWhole || this.#held.length > MAX_GREETING_BYTES) this.#giveAll();
  }

  #giveAll(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.length > 0) this.#sink?.onData(held);
  }
}
