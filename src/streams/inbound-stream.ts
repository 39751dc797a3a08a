// The receiving half that all byte streams share: who listens, what waits, and in which order ends and closes are told.
import type { ByteStream, StreamSink } from "../domain/byte-stream.ts";

/** How much may wait inside a paused stream before its source is told to stop. Small enough for thousands of waiting
 * connections, large enough that a request which arrives during a dial costs no system call. */
const HELD_BYTES = 16 * 1024;

/** A byte stream whose reader may put bytes back, so that a handshake can leave what follows it to the next sink. */
export interface RewindableStream extends ByteStream {
  /** Puts bytes in front of everything that is still to come. Only while paused. */
  unread(chunk: Uint8Array): void;
}

/** Base of the streams of this folder. A subclass reports what its source does through `received`, `ended`, `closed`. */
export abstract class InboundStream implements RewindableStream {
  abstract readonly canHalfClose: boolean;
  #sink: StreamSink | undefined;
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #lastBytes = 0;
  #isPaused = true;
  #isReleasing = false;
  #isSourceStopped: boolean;
  #hasEnded = false;
  #isEndTold = false;
  #hasClosed = false;
  #isCloseTold = false;
  #error: Error | undefined;

  /** `isSourceStopped`: whether the source waits for `startSource` before it delivers anything. */
  protected constructor(isSourceStopped: boolean) {
    this.#isSourceStopped = isSourceStopped;
  }

  abstract write(chunk: Uint8Array): number;
  abstract end(): void;
  abstract destroy(error?: Error): void;
  /** Asks the source to deliver nothing more for now; what comes all the same is held. */
  protected abstract stopSource(): void;
  protected abstract startSource(): void;

  attach(sink: StreamSink): void {
    this.#sink = sink;
    this.resume();
  }

  pause(): void {
    this.#isPaused = true;
    // A sender of bulk is stopped at once, since its next chunk would be as large as its last; one of little things may
    // go on until what it sent has to be held. Most pauses are short, and stopping costs a system call.
    if (this.#lastBytes > HELD_BYTES) this.#stop();
  }

  resume(): void {
    if (this.#sink === undefined) return;
    this.#isPaused = false;
    this.#release();
  }

  unread(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#held = [chunk, ...(this.#held ?? [])];
    this.#heldBytes += chunk.length;
  }

  /** For the subclass: bytes have arrived. */
  received(chunk: Uint8Array): void {
    this.#lastBytes = chunk.length;
    if (this.#isPaused || this.#heldBytes > 0 || this.#sink === undefined) this.#hold(chunk);
    else this.#sink.onData(chunk);
  }

  /** For the subclass: there is room to write again. */
  protected tellDrain(): void {
    this.#sink?.onDrain();
  }

  /** For the subclass: the peer ended its half. */
  ended(): void {
    this.#hasEnded = true;
    this.#release();
  }

  /** For the subclass: both halves are gone. */
  closed(error?: Error): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#error = error;
    if (error === undefined) {
      this.#hasEnded = true;
      this.#release();
    } else {
      this.#tellBreak();
    }
  }

  /** For the subclass: we dropped the stream ourselves; nothing that waits is wanted. */
  protected dropped(error?: Error): void {
    if (this.#hasClosed) return;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#hasClosed = true;
    this.#error = error;
    this.#isEndTold = true;
    this.#tellClose();
  }

  /** Whether the source has closed or was dropped. */
  protected get isClosed(): boolean {
    return this.#hasClosed;
  }

  #hold(chunk: Uint8Array): void {
    if (this.#hasClosed) return;
    if (this.#held === undefined) this.#held = [chunk];
    else this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES) this.#stop();
  }

  #stop(): void {
    if (this.#isSourceStopped || this.#hasClosed) return;
    this.#isSourceStopped = true;
    this.stopSource();
  }

  /** Tells the sink what waits, in order, as long as it wants to hear. A sink may pause, resume or drop meanwhile. */
  #release(): void {
    if (this.#isReleasing || this.#isPaused) return;
    this.#isReleasing = true;
    try {
      this.#releaseHeld();
      if (this.#isPaused || this.#heldBytes > 0) return;
      if (this.#hasEnded && !this.#isEndTold) {
        this.#isEndTold = true;
        this.#sink?.onEnd();
      }
    } finally {
      this.#isReleasing = false;
    }
    if (this.#hasClosed) {
      if (!this.#isPaused) this.#tellClose();
    } else if (this.#isSourceStopped && !this.#isPaused) {
      this.#isSourceStopped = false;
      this.startSource();
    }
  }

  #releaseHeld(): void {
    while (!this.#isPaused && this.#heldBytes > 0) {
      const chunk = this.#held?.shift();
      if (chunk === undefined) return;
      this.#heldBytes -= chunk.length;
      this.#sink?.onData(chunk);
    }
  }

  /** A broken stream tells at once, also while paused; what had arrived before the break is not lost. */
  #tellBreak(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const chunk of held) sink.onData(chunk);
    this.#isEndTold = true;
    this.#tellClose();
  }

  #tellClose(): void {
    if (this.#isCloseTold || this.#sink === undefined) return;
    this.#isCloseTold = true;
    this.#sink.onClose(this.#error);
  }
}
