// Two byte streams joined in memory, whose behaviour a test can bend: stall, cut, refuse half-close.
import type { ByteStream, StreamSink } from "../../src/domain/byte-stream.ts";

/** One end of a pair. Everything happens at once, within the call that causes it. */
export class PairedStream implements ByteStream {
  readonly canHalfClose: boolean;
  /** Whether this end copies what it is given, as a socket does. */
  copiesAtOnce = false;
  peer: PairedStream = this;
  /** How many bytes may wait for this end's sink before its peer's `write` takes no more. */
  capacity = 64 * 1024;
  /** Set when our end was given up with `end()`. */
  isEndSent = false;
  isClosed = false;
  closeError: Error | undefined;
  #sink: StreamSink | undefined;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isPaused = true;
  #hasPeerEnded = false;
  #isEndTold = false;
  #isPeerBlocked = false;

  constructor(canHalfClose: boolean) {
    this.canHalfClose = canHalfClose;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  attach(sink: StreamSink): void {
    this.#sink = sink;
    this.resume();
  }

  write(chunk: Uint8Array): number {
    if (this.isClosed || this.isEndSent || this.peer.isClosed) return 0;
    return this.peer.#accept(this.copiesAtOnce ? chunk.slice() : chunk);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush();
  }

  end(): void {
    if (this.isEndSent || this.isClosed) return;
    this.isEndSent = true;
    this.peer.#tellEnd();
    if (!this.canHalfClose) this.peer.#cut();
    this.#closeWhenDone();
  }

  destroy(error?: Error): void {
    if (this.isClosed) return;
    this.#close(error);
    this.peer.#close(error);
  }

  /** The transport breaks between the ends. */
  breakOff(error: Error): void {
    this.destroy(error);
  }

  #accept(chunk: Uint8Array): number {
    const room = Math.max(this.capacity - this.#queuedBytes, 0);
    const taken = chunk.subarray(0, room);
    if (taken.length < chunk.length) this.#isPeerBlocked = true;
    if (taken.length > 0) {
      this.#queue.push(taken);
      this.#queuedBytes += taken.length;
      this.#flush();
    }
    return taken.length;
  }

  #flush(): void {
    if (this.#sink === undefined) return;
    while (!this.#isPaused && this.#queue.length > 0) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#queuedBytes -= chunk.length;
      this.#sink.onData(chunk);
    }
    if (this.#isPeerBlocked && this.#queuedBytes < this.capacity) {
      this.#isPeerBlocked = false;
      queueMicrotask(() => this.peer.#sink?.onDrain());
    }
    if (this.#hasPeerEnded && !this.#isPaused && this.#queue.length === 0 && !this.#isEndTold) {
      this.#isEndTold = true;
      this.#sink.onEnd();
      this.#closeWhenDone();
    }
  }

  #tellEnd(): void {
    this.#hasPeerEnded = true;
    this.#flush();
  }

  /** A proxy that cuts both ways: what this end still had to say is lost. */
  #cut(): void {
    this.isEndSent = true;
    this.peer.#tellEnd();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    for (const end of [this, this.peer]) {
      if (this.isEndSent && this.peer.isEndSent && end.#isEndTold) end.#close(undefined);
    }
  }

  #close(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeError = error;
    this.#sink?.onClose(error);
  }
}

/** Joined ends. `canHalfClose` is that of both. */
export function streamPair(canHalfClose = true): readonly [PairedStream, PairedStream] {
  const one = new PairedStream(canHalfClose);
  const other = new PairedStream(canHalfClose);
  one.peer = other;
  other.peer = one;
  return [one, other];
}
