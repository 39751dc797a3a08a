// One accepted connection: waits for its dial, then pumps until both sides are closed.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { HeldEnds } from "./held-ends.ts";
import { Pump, type PumpContext } from "./pump.ts";
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

/** What a connection is made of. */
export type ConnectionOptions = {
  readonly id: number;
  readonly local: ByteStream;
  readonly remotePort: number;
  readonly timer: Timer;
  readonly heldEnds: HeldEnds;
  readonly dial: (remotePort: number, signal: AbortSignal) => Promise<ByteStream>;
  readonly onDialed: () => void;
  readonly onDialFailure: (error: unknown) => void;
  /** Called once. */
  readonly onClosed: (connection: RelayConnection) => void;
};

/** One connection of a relay, from accept to close. */
export class RelayConnection {
  readonly #options: ConnectionOptions;
  readonly #since: number;
  readonly #dialing = new AbortController();
  #pump: Pump | undefined;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#since = options.timer.now();
  }

  /** Dials. What the client sends meanwhile waits in its paused stream, within bounds; a client that is gone ends the
   * dial. An end of the client's half is no departure: it waits with the bytes before it. */
  start(): void {
    const { local, dial, remotePort } = this.#options;
    local.attach({ onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => this.#abandon() });
    local.pause();
    dial(remotePort, this.#dialing.signal).then(
      (remote) => this.#join(remote),
      (error: unknown) => this.#fail(error),
    );
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
    return {
      id: this.#options.id,
      remotePort: this.#options.remotePort,
      state,
      since: this.#since,
      bytesUp,
      bytesDown,
    };
  }

  /** Drops the connection; clients see a reset. */
  close(): void {
    const error = new Error("The tunnel is closing");
    if (this.#pump === undefined) this.#options.local.destroy(error);
    else this.#pump.destroy(error);
  }

  #join(remote: ByteStream): void {
    if (this.#isClosed) {
      remote.destroy();
      return;
    }
    const { local, timer, heldEnds } = this.#options;
    const context: PumpContext = { timer, heldEnds, onClosed: () => this.#closed() };
    this.#pump = new Pump(local, remote, context);
    this.#options.onDialed();
    this.#pump.start();
  }

  /** A reset rather than an end: an end would look like an empty answer. */
  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#options.onDialFailure(error);
    this.#options.local.destroy(error instanceof Error ? error : new Error("Dial failed", { cause: error }));
  }

  #abandon(): void {
    this.#closed();
    this.#dialing.abort(new Error("The client is gone"));
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed(this);
  }
}
