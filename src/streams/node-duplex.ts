// Between our byte streams and node's duplex streams, both ways: for libraries that want or give the latter.
import { Duplex } from "node:stream";
import type { ByteStream } from "../domain/byte-stream.ts";
import { InboundStream } from "./inbound-stream.ts";

/** A node stream over a byte stream, which it owns from then on. */
export function toDuplex(stream: ByteStream): Duplex {
  return new StreamDuplex(stream);
}

/** A byte stream over a node stream, which it owns from then on. The node stream must allow half-open use. */
export function fromDuplex(duplex: Duplex, options: { readonly canHalfClose: boolean }): DuplexStream {
  return new DuplexStream(duplex, options.canHalfClose);
}

/** A node stream takes any chunk whole, however full it is; pieces keep what it buffers near its own limit. */
const PIECE_BYTES = 256 * 1024;

type WriteDone = (error?: Error | null) => void;

class StreamDuplex extends Duplex {
  readonly #stream: ByteStream;
  #pending: { readonly rest: Uint8Array; readonly done: WriteDone } | undefined;
  #isClosed = false;

  constructor(stream: ByteStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.attach({
      onData: (chunk) => {
        if (!this.push(chunk)) stream.pause();
      },
      onDrain: () => this.#writePending(),
      onEnd: () => this.push(null),
      onClose: (error) => this.#closed(error),
    });
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: WriteDone): void {
    this.#pending = { rest: chunk, done };
    this.#writePending();
  }

  override _final(done: WriteDone): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: WriteDone): void {
    this.#isClosed = true;
    this.#stream.destroy(error ?? undefined);
    done(error);
  }

  #writePending(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    if (this.#isClosed) {
      pending.done(new Error("The stream is closed"));
      return;
    }
    const taken = this.#stream.write(pending.rest);
    if (taken === pending.rest.length) pending.done();
    else this.#pending = { rest: taken === 0 ? pending.rest : pending.rest.subarray(taken), done: pending.done };
  }

  #closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error !== undefined) {
      this.destroy(error);
      return;
    }
    // What has arrived is still to be read; only then is the stream done with.
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
    if (!this.readableEnded) this.push(null);
    this.#writePending();
  }
}

/** A node stream as a byte stream. */
export class DuplexStream extends InboundStream {
  readonly canHalfClose: boolean;
  readonly #duplex: Duplex;
  #isFlowing = false;
  #isFull = false;
  #isEnded = false;

  constructor(duplex: Duplex, canHalfClose: boolean) {
    super(true);
    this.canHalfClose = canHalfClose;
    this.#duplex = duplex;
    let failure: Error | undefined;
    duplex.on("error", (error: Error) => {
      failure ??= error;
    });
    duplex.on("drain", () => {
      this.#isFull = false;
      this.tellDrain();
    });
    duplex.on("end", () => this.ended());
    duplex.on("close", () => this.closed(failure));
    duplex.pause();
  }

  write(chunk: Uint8Array): number {
    if (this.#isEnded || this.isClosed) return 0;
    let taken = 0;
    while (taken < chunk.length && !this.#isFull) {
      const piece = chunk.subarray(taken, taken + PIECE_BYTES);
      this.#isFull = !this.#duplex.write(piece);
      taken += piece.length;
    }
    return taken;
  }

  end(): void {
    if (this.#isEnded || this.isClosed) return;
    this.#isEnded = true;
    this.#duplex.end();
  }

  destroy(error?: Error): void {
    this.dropped(error);
    this.#duplex.destroy(error);
    // An SSH channel closes only once what the peer still sends has been read.
    this.#duplex.resume();
  }

  /** What carries the node stream is lost, which the node stream itself would report as a clean end. */
  breakOff(error: Error): void {
    this.closed(error);
  }

  protected stopSource(): void {
    this.#duplex.pause();
  }

  protected startSource(): void {
    if (!this.#isFlowing) {
      this.#isFlowing = true;
      this.#duplex.on("data", (chunk: Uint8Array) => this.received(chunk));
    }
    this.#duplex.resume();
  }
}
