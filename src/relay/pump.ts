// Joins two byte streams: what one side sends the other is given, at the pace of the slower, ends and breaks included.
import type { ByteStream, StreamSink } from "../domain/byte-stream.ts";
import { UnreachableError } from "../domain/errors.ts";
import { type HeldEnd, HeldEnds } from "./held-ends.ts";
import { systemTimer, type Timer } from "./timer.ts";

/** Who wants to know of a pump's end. */
export interface PumpOwner {
  /** Called once, when both streams are closed. */
  pumpClosed(): void;
}

/** What a pump works with. */
export type PumpContext = {
  readonly timer: Timer;
  readonly heldEnds: HeldEnds;
  readonly owner: PumpOwner;
};

/** Pumps between two streams, which it owns, until both are closed. Rejects where the remote side breaks off, or with the
 * signal's reason; a local side that breaks off is a reader who has had enough. */
export async function pump(
  local: ByteStream,
  remote: ByteStream,
  options: { readonly signal: AbortSignal; readonly timer?: Timer },
): Promise<void> {
  const timer = options.timer ?? systemTimer;
  const heldEnds = new HeldEnds(timer);
  const { signal } = options;
  const { promise, resolve } = Promise.withResolvers<void>();
  const joined = new Pump(local, remote, { timer, heldEnds, owner: { pumpClosed: resolve } });
  const onAbort = (): void => joined.destroy(new Error("Interrupted", { cause: signal.reason }));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  joined.start();
  await promise;
  signal.removeEventListener("abort", onAbort);
  heldEnds.close();
  signal.throwIfAborted();
  if (joined.remoteError === undefined) return;
  throw new UnreachableError("The connection to the run broke off", {
    code: "connection-broken",
    hop: "remote-port",
    cause: joined.remoteError,
  });
}

/** One connection. It owns both streams. */
export class Pump implements HeldEnd {
  /** Milliseconds since 1970; undefined before the first byte. */
  lastByteAt: number | undefined;
  readonly #context: PumpContext;
  readonly #local: Side;
  readonly #remote: Side;
  #isLastByteUp = false;
  #isEndHeld = false;
  /** The first break; the other side's follows from it. */
  #break: { readonly side: Side; readonly error: Error } | undefined;

  constructor(local: ByteStream, remote: ByteStream, context: PumpContext) {
    this.#context = context;
    this.#local = new Side(this, local);
    this.#remote = new Side(this, remote);
    this.#local.peer = this.#remote;
    this.#remote.peer = this.#local;
  }

  /** Starts both directions. */
  start(): void {
    this.#remote.stream.attach(this.#remote);
    this.#local.stream.attach(this.#local);
  }

  /** Bytes that came from the local side. */
  get bytesUp(): number {
    return this.#local.received;
  }

  /** Bytes that came from the remote side. */
  get bytesDown(): number {
    return this.#remote.received;
  }

  /** What the remote side broke with, where it did so by itself. */
  get remoteError(): Error | undefined {
    return this.#break?.side === this.#remote ? this.#break.error : undefined;
  }

  /** Bytes that one side gave and the other has not taken yet. */
  get inFlightBytes(): number {
    return this.#local.waitingBytes + this.#remote.waitingBytes;
  }

  /** Drops both sides at once. */
  destroy(error?: Error): void {
    this.#local.stream.destroy(error);
    this.#remote.stream.destroy(error);
  }

  releaseEnd(): void {
    this.#isEndHeld = false;
    this.#remote.endStream();
  }

  /** From a side: bytes came in. */
  noteBytes(side: Side): void {
    this.lastByteAt = this.#context.timer.now();
    this.#isLastByteUp = side === this.#local;
    if (this.#isEndHeld) this.#context.heldEnds.answered(this);
  }

  /** From a side: it has been given everything and its peer has ended. Passes the end on, or holds it back. */
  passEnd(side: Side): void {
    if (side === this.#local || this.#remote.stream.canHalfClose || this.#remote.hasEnded) {
      side.endStream();
      return;
    }
    if (this.#isEndHeld) return;
    this.#isEndHeld = true;
    this.#context.heldEnds.hold(this, !this.#isLastByteUp);
  }

  /** From a side: its peer has ended or is gone, so a held end has nothing to wait for. */
  stopHolding(): void {
    if (!this.#isEndHeld) return;
    this.#context.heldEnds.forget(this);
    this.releaseEnd();
  }

  /** From a side: its stream is closed. */
  sideClosed(side: Side, error: Error | undefined): void {
    if (error !== undefined) this.#break ??= { side, error };
    if (this.#isEndHeld) {
      this.#isEndHeld = false;
      this.#context.heldEnds.forget(this);
    }
    if (this.#local.isClosed && this.#remote.isClosed) this.#context.owner.pumpClosed();
  }

  /** Whether the side is the remote one. */
  isRemote(side: Side): boolean {
    return side === this.#remote;
  }
}

/** One end of a pump: hears its own stream and writes what the peer's stream said into it. */
class Side implements StreamSink {
  readonly stream: ByteStream;
  readonly #pump: Pump;
  peer: Side = this;
  received = 0;
  /** Waiting to be written into `stream`; the peer is paused while there is any. */
  #waiting: Uint8Array[] = [];
  waitingBytes = 0;
  hasEnded = false;
  isClosed = false;
  #isEndPassed = false;
  /** The peer broke with this error while bytes of it still waited to be written here. */
  #pendingBreak: Error | undefined;

  constructor(pump: Pump, stream: ByteStream) {
    this.#pump = pump;
    this.stream = stream;
  }

  onData(chunk: Uint8Array): void {
    this.received += chunk.length;
    this.#pump.noteBytes(this);
    this.peer.#take(chunk);
  }

  onDrain(): void {
    if (this.#waiting.length === 0) return;
    while (this.#waiting.length > 0) {
      const [chunk] = this.#waiting;
      if (chunk === undefined) break;
      const taken = this.stream.write(chunk);
      this.waitingBytes -= taken;
      if (taken < chunk.length) {
        if (taken > 0) this.#waiting[0] = chunk.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
    this.#emptied();
  }

  onEnd(): void {
    this.hasEnded = true;
    if (this.#pump.isRemote(this)) this.#pump.stopHolding();
    if (this.peer.waitingBytes === 0) this.#pump.passEnd(this.peer);
  }

  onClose(error?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { peer } = this;
    this.#waiting = [];
    this.waitingBytes = 0;
    this.#pump.sideClosed(this, error);
    if (error !== undefined) peer.#breakAfterwards(error);
    else if (!this.hasEnded) this.onEnd();
  }

  /** Ends our half of the stream. Safe to call twice. */
  endStream(): void {
    if (this.#isEndPassed) return;
    this.#isEndPassed = true;
    this.stream.end();
  }

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#waiting.length === 0) {
      const taken = this.stream.write(chunk);
      if (taken === chunk.length) return;
      if (this.isClosed) return;
      if (taken > 0) rest = chunk.subarray(taken);
    }
    this.#waiting.push(rest);
    this.waitingBytes += rest.length;
    this.peer.stream.pause();
  }

  #emptied(): void {
    const { peer } = this;
    if (this.#pendingBreak !== undefined) this.stream.destroy(this.#pendingBreak);
    else if (peer.hasEnded) this.#pump.passEnd(this);
    else peer.stream.resume();
  }

  /** The peer broke. A remote break reaches the local side after the bytes that came before it; a local break means that
   * nobody reads any more. */
  #breakAfterwards(error: Error): void {
    if (this.isClosed) return;
    if (this.waitingBytes > 0 && !this.#pump.isRemote(this)) this.#pendingBreak = error;
    else this.stream.destroy(error);
  }
}
