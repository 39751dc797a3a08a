// One WebSocket as a byte stream: binary frames both ways, payloads passed on as they come, frames masked in one pass.
import type { ByteStream } from "../../domain/byte-stream.ts";
import type { UnreachableError } from "../../domain/errors.ts";
import { InboundStream } from "../../streams/inbound-stream.ts";
import { encodeClose, encodeFrame, encodePassingFrame, MAX_FRAME_PAYLOAD_BYTES } from "./encode-frame.ts";
import { CLOSE, FrameError, FrameReader, type FrameSink, OPCODE } from "./frames.ts";
import { Keepalive, type SilenceLimits, TICK_MS } from "./keepalive.ts";
import {
  closedBeforeProofError,
  deadPeerError,
  lostError,
  protocolError,
  silentRunError,
  truncatedError,
} from "./stream-errors.ts";
import { explainClose } from "./upgrade-errors.ts";

/** Time as the stream needs it; tests bring their own. */
export interface Timers {
  /** Milliseconds of the wall clock, which goes on while the computer sleeps. */
  now(): number;
  /** Calls back every `ms` until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

/** How one WebSocket is to be watched. */
export type WebSocketStreamOptions = {
  /** Address for messages. */
  readonly shown: string;
  readonly timers: Timers;
  readonly silence?: SilenceLimits | undefined;
  /** What shows that the remote port was reached, beyond the 101 that relays send before they try: an answered ping, since
   * relays take up frames only when they are connected, or the far side's own first bytes. */
  readonly proof: "pong" | "bytes";
  /** Told once: the proof came, or the stream closed before it did. */
  readonly onProof: (error: Error | undefined) => void;
};

/** How many ticks a peer may take to answer our close frame before the connection is dropped. */
const CLOSE_TICKS = 1;

/** Over a stream on which the handshake is done; takes it over. */
export class WebSocketStream extends InboundStream implements FrameSink {
  /** A close frame ends both directions: the protocol knows no half. */
  readonly canHalfClose = false;
  readonly #carrier: ByteStream;
  readonly #options: WebSocketStreamOptions;
  readonly #reader = new FrameReader(this);
  readonly #keepalive: Keepalive;
  readonly #stopTimer: () => void;
  #onProof: ((error: Error | undefined) => void) | undefined;
  /** Bytes that arrived though our sink wants no more for now. */
  readonly #unparsed: Uint8Array[] = [];
  #isParsing = false;
  #isStopped = false;
  #heard = false;
  #heardFarSide = false;
  /** What is left of frames that the carrier did not take. */
  readonly #unsent: Uint8Array[] = [];
  #pong: Uint8Array | undefined;
  #isEnding = false;
  #isCloseSent = false;
  #ticksSinceClose = 0;
  #hasCarrierEnded = false;
  #isDone = false;

  constructor(carrier: ByteStream, options: WebSocketStreamOptions) {
    super(false);
    this.#carrier = carrier;
    this.#options = options;
    this.#onProof = options.onProof;
    this.#keepalive = new Keepalive(options.timers.now(), options.silence);
    this.#stopTimer = options.timers.every(TICK_MS, () => this.#tick());
    carrier.attach({
      onData: (chunk) => this.#arrived(chunk),
      onDrain: () => this.#drained(),
      onEnd: () => this.#carrierEnded(),
      onClose: (error) => this.#carrierClosed(error),
    });
    if (options.proof === "pong") this.#ping();
  }

  write(chunk: Uint8Array): number {
    if (this.#isDone || this.#isEnding) return 0;
    let taken = 0;
    while (taken < chunk.length && this.#unsent.length === 0) {
      const end = Math.min(chunk.length, taken + MAX_FRAME_PAYLOAD_BYTES);
      this.#sendBytes(chunk.subarray(taken, end));
      taken = end;
    }
    return taken;
  }

  end(): void {
    if (this.#isEnding || this.#isDone) return;
    this.#isEnding = true;
    this.#sendClose(CLOSE.normal);
  }

  destroy(error?: Error): void {
    if (this.#isDone) return;
    if (error === undefined) this.#sendClose(CLOSE.normal);
    this.#finish();
    this.#carrier.destroy(error);
    this.dropped(error);
  }

  protected stopSource(): void {
    this.#isStopped = true;
    this.#carrier.pause();
  }

  protected startSource(): void {
    this.#isStopped = false;
    if (this.#isParsing) return;
    this.#parse();
    if (!this.#isStopped && !this.#isDone) this.#carrier.resume();
  }

  /** From the frames' reader. */
  onBytes(bytes: Uint8Array): void {
    if (this.#isDone) return;
    this.#heardFarSide = true;
    if (this.#onProof !== undefined) this.#tellProof(undefined);
    this.received(bytes);
  }

  /** From the frames' reader. Of pings that wait behind unsent bytes only the last one is answered (section 5.5.3). */
  onPing(payload: Uint8Array): void {
    if (this.#isDone || this.#isCloseSent) return;
    const pong = encodeFrame(OPCODE.pong, payload);
    if (this.#unsent.length === 0) this.#send(pong);
    else this.#pong = pong;
  }

  /** From the frames' reader. */
  onPong(): void {
    if (this.#options.proof === "pong" && this.#onProof !== undefined) this.#tellProof(undefined);
  }

  /** From the frames' reader: both directions are over. */
  onCloseFrame(code: number, reason: string): void {
    if (this.#isDone) return;
    this.#sendClose(code === CLOSE.noStatus ? CLOSE.normal : code);
    this.#close(explainClose(code, reason, this.#options.shown));
    this.#carrier.destroy();
  }

  #arrived(chunk: Uint8Array): void {
    this.#heard = true;
    this.#unparsed.push(chunk);
    if (!this.#isParsing && !this.#isStopped) this.#parse();
  }

  #parse(): void {
    this.#isParsing = true;
    try {
      while (!this.#isStopped && !this.#isDone) {
        const chunk = this.#unparsed.shift();
        if (chunk === undefined) break;
        this.#reader.read(chunk);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#failProtocol(error);
    } finally {
      this.#isParsing = false;
    }
    if (this.#hasCarrierEnded && this.#unparsed.length === 0) this.#endWithoutGoodbye();
  }

  #failProtocol(error: FrameError): void {
    this.#sendClose(error.closeCode);
    this.#break(protocolError(this.#options.shown, error));
  }

  #carrierEnded(): void {
    this.#hasCarrierEnded = true;
    if (this.#unparsed.length === 0) this.#endWithoutGoodbye();
  }

  /** Some relays end without a close frame. Between messages that is an end like any other, inside of one a loss. */
  #endWithoutGoodbye(): void {
    if (this.#isDone) return;
    if (!this.#reader.isInsideFrame) {
      this.#close(undefined);
      this.#carrier.destroy();
      return;
    }
    this.#break(truncatedError(this.#options.shown));
  }

  #carrierClosed(error: Error | undefined): void {
    if (this.#isDone) return;
    // What had arrived before the break is not lost, paused or not.
    this.#isStopped = false;
    this.#parse();
    if (error === undefined) this.#endWithoutGoodbye();
    else this.#close(lostError(this.#options.shown, error));
  }

  #tick(): void {
    if (this.#isCloseSent) {
      this.#ticksSinceClose += 1;
      if (this.#ticksSinceClose <= CLOSE_TICKS) return;
      this.#close(undefined);
      this.#carrier.destroy();
      return;
    }
    // While our own side does not read, nothing can be heard and nobody is to blame.
    const step = this.#keepalive.tick({
      nowMs: this.#options.timers.now(),
      heard: this.#heard || this.#isStopped,
      heardFarSide: this.#heardFarSide || this.#isStopped,
    });
    this.#heard = false;
    this.#heardFarSide = false;
    const { shown } = this.#options;
    if (step === "ping" && this.#unsent.length === 0) this.#ping();
    else if (step === "peer-dead") this.#break(deadPeerError(shown));
    else if (step === "far-side-silent") this.#break(silentRunError(shown));
  }

  #ping(): void {
    this.#send(encodeFrame(OPCODE.ping, new Uint8Array(0)));
  }

  #break(error: UnreachableError): void {
    this.#close(error);
    this.#carrier.destroy(error);
  }

  #sendClose(code: number): void {
    if (this.#isCloseSent) return;
    this.#isCloseSent = true;
    this.#pong = undefined;
    this.#send(encodeClose(code));
  }

  /** One frame of payload, with nothing unsent before it. */
  #sendBytes(payload: Uint8Array): void {
    if (this.#carrier.copiesAtOnce !== true) {
      this.#send(encodeFrame(OPCODE.binary, payload));
      return;
    }
    const frame = encodePassingFrame(OPCODE.binary, payload);
    const taken = this.#carrier.write(frame);
    if (taken < frame.length) this.#unsent.push(frame.slice(taken));
  }

  #send(frame: Uint8Array): void {
    if (this.#unsent.length > 0) {
      this.#unsent.push(frame);
      return;
    }
    const taken = this.#carrier.write(frame);
    if (taken < frame.length) this.#unsent.push(frame.subarray(taken));
  }

  #drained(): void {
    while (this.#unsent[0] !== undefined) {
      const first = this.#unsent[0];
      const taken = this.#carrier.write(first);
      if (taken < first.length) {
        this.#unsent[0] = first.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    const pong = this.#pong;
    this.#pong = undefined;
    if (pong !== undefined) this.#send(pong);
    if (!this.#isDone && !this.#isEnding && this.#unsent.length === 0) this.tellDrain();
  }

  #close(error: Error | undefined): void {
    if (this.#isDone) return;
    this.#finish(error);
    this.closed(error);
  }

  #finish(error?: Error): void {
    this.#isDone = true;
    this.#unparsed.length = 0;
    this.#unsent.length = 0;
    this.#stopTimer();
    if (this.#onProof !== undefined) this.#tellProof(error ?? closedBeforeProofError(this.#options.shown));
  }

  #tellProof(error: Error | undefined): void {
    const tell = this.#onProof;
    this.#onProof = undefined;
    tell?.(error);
  }
}
