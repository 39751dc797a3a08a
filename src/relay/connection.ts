// One accepted connection: waits for its dial, then pumps until both sides are closed.
import type { ByteStream, StreamSink } from "../domain/byte-stream.ts";
import type { Linked } from "../streams/linked-set.ts";
import type { HeldEnds } from "./held-ends.ts";
import { Pump, type PumpOwner } from "./pump.ts";
import type { Timer } from "./timer.ts";

/** One row about an open connection. */
export type ConnectionInfo = {
  readonly id: number;
  readonly remotePort: number;
  readonly state: "dialing" | "open";
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
};

/** What the connections of one relay share. */
export type ConnectionContext = {
  readonly timer: Timer;
  readonly heldEnds: HeldEnds;
  readonly dial: (remotePort: number, signal: AbortSignal) => Promise<ByteStream>;
  readonly onDialed: () => void;
  readonly onDialFailure: (error: unknown, remotePort: number) => void;
  /** Called once for each connection. */
  readonly onClosed: (connection: RelayConnection) => void;
};

/** One connection of a relay, from accept to close. While it dials it listens to the local stream itself. */
export class RelayConnection implements StreamSink, PumpOwner, Linked<RelayConnection> {
  previousLink: RelayConnection | undefined;
  nextLink: RelayConnection | undefined;
  readonly #context: ConnectionContext;
  readonly #id: number;
  readonly #local: ByteStream;
  readonly #remotePort: number;
  readonly #since: number;
  readonly #dialing = new AbortController();
  #pump: Pump | undefined;
  #isClosed = false;

  constructor(context: ConnectionContext, id: number, local: ByteStream, remotePort: number) {
    this.#context = context;
    this.#id = id;
    this.#local = local;
    this.#remotePort = remotePort;
    this.#since = context.timer.now();
  }

  /** Dials. What the client sends meanwhile waits in its paused stream, within bounds; a client that is gone ends the
   * dial. An end of the client's half is no departure: it waits with the bytes before it. */
  start(): void {
    this.#local.attach(this);
    this.#local.pause();
    this.#context.dial(this.#remotePort, this.#dialing.signal).then(
      (remote) => this.#join(remote),
      (error: unknown) => this.#fail(error),
    );
  }

  onData(): void {}

  onDrain(): void {}

  onEnd(): void {}

  /** The client is gone before its dial was done. */
  onClose(): void {
    if (this.#isClosed) return;
    this.pumpClosed();
    this.#dialing.abort(new Error("The client is gone"));
  }

  /** From the pump: both sides are closed. */
  pumpClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.onClosed(this);
  }

  get bytesUp(): number {
    return this.#pump?.bytesUp ?? 0;
  }

  get bytesDown(): number {
    return this.#pump?.bytesDown ?? 0;
  }

  get inFlightBytes(): number {
    return this.#pump?.inFlightBytes ?? 0;
  }

  get lastByteAt(): number | undefined {
    return this.#pump?.lastByteAt;
  }

  describe(): ConnectionInfo {
    const { bytesUp, bytesDown } = this;
    const state = this.#pump === undefined ? "dialing" : "open";
    return { id: this.#id, remotePort: this.#remotePort, state, since: this.#since, bytesUp, bytesDown };
  }

  /** Drops the connection; clients see a reset. */
  close(): void {
    const error = new Error("The tunnel is closing");
    if (this.#pump === undefined) this.#local.destroy(error);
    else this.#pump.destroy(error);
  }

  #join(remote: ByteStream): void {
    if (this.#isClosed) {
      remote.destroy();
      return;
    }
    const { timer, heldEnds } = this.#context;
    this.#pump = new Pump(this.#local, remote, { timer, heldEnds, owner: this });
    this.#context.onDialed();
    this.#pump.start();
  }

  /** A reset rather than an end: an end would look like an empty answer. */
  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#context.onDialFailure(error, this.#remotePort);
    this.#local.destroy(error instanceof Error ? error : new Error("Dial failed", { cause: error }));
  }
}
