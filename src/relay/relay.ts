// One tunnel's data path: listens on local ports, dials for each connection and joins both, counting bytes.
import type { ByteStream } from "../domain/byte-stream.ts";
import { ConflictError, errorMessage, LocalError, systemErrorCode } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { PortPair } from "../domain/ports.ts";
import { LinkedSet } from "../streams/linked-set.ts";
import { listenTcp, type TcpListener } from "../streams/tcp-listener.ts";
import { type ConnectionContext, type ConnectionInfo, RelayConnection } from "./connection.ts";
import { DialFailures } from "./dial-failures.ts";
import { HeldEnds } from "./held-ends.ts";
import { systemTimer, type Timer } from "./timer.ts";

/** What a relay is to do. */
export type RelayOptions = {
  readonly listenAddress: string;
  readonly ports: readonly PortPair[];
  /** Opens the far side of one connection; called once for each, side by side. Aborted when the client is gone. */
  readonly dial: (remotePort: number, signal: AbortSignal) => Promise<ByteStream>;
  readonly log: Log;
  /** Called for every failed dial; the log hears of a streak only once. */
  readonly onDialFailure?: (error: unknown, remotePort: number) => void;
  /** Called for every connection that has closed. */
  readonly onClosed?: () => void;
  readonly timer?: Timer;
};

/** Counts of one relay since its start. */
export type RelayStats = {
  /** Connections that are open or being dialled. */
  readonly open: number;
  readonly total: number;
  /** Dials that failed. */
  readonly failed: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Bytes taken from one side that the other has not taken yet. */
  readonly inFlightBytes: number;
  /** Milliseconds since 1970. */
  readonly lastByteAt: number | undefined;
};

/** A running relay. Whoever starts it closes it. */
export interface Relay {
  /** As bound: a local port 0 is replaced by the one the system chose. */
  readonly ports: readonly PortPair[];
  stats(): RelayStats;
  connections(): readonly ConnectionInfo[];
  /** Frees the local ports at once; open connections stay. Safe to call twice. */
  closeListeners(): void;
  /** Resolves when no connection is open; rejects with the signal's reason. */
  drain(signal: AbortSignal): Promise<void>;
  /** Frees the ports and drops every connection. Safe to call twice. */
  close(): void;
}

/** Listens on all ports, or on none and throws: ConflictError for a taken port, LocalError for one that cannot be had;
 * the system's error is the cause. */
export function startRelay(options: RelayOptions): Relay {
  return new TcpRelay(options);
}

class TcpRelay implements Relay {
  readonly ports: readonly PortPair[];
  readonly #options: RelayOptions;
  readonly #context: ConnectionContext;
  readonly #failures: DialFailures;
  readonly #listeners: TcpListener[] = [];
  readonly #connections = new LinkedSet<RelayConnection>();
  readonly #idleWaiters = new Set<() => void>();
  #total = 0;
  #closedBytesUp = 0;
  #closedBytesDown = 0;
  #closedLastByteAt: number | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const timer = options.timer ?? systemTimer;
    this.#failures = new DialFailures(options.log, options.onDialFailure);
    this.#context = {
      timer,
      heldEnds: new HeldEnds(timer),
      dial: options.dial,
      onDialed: () => this.#failures.succeeded(),
      onDialFailure: (error, remotePort) => this.#failures.failed(error, remotePort),
      onClosed: (connection) => this.#forget(connection),
    };
    this.ports = this.#listen();
  }

  stats(): RelayStats {
    let bytesUp = this.#closedBytesUp;
    let bytesDown = this.#closedBytesDown;
    let inFlightBytes = 0;
    let lastByteAt = this.#closedLastByteAt;
    for (const connection of this.#connections) {
      bytesUp += connection.bytesUp;
      bytesDown += connection.bytesDown;
      inFlightBytes += connection.inFlightBytes;
      lastByteAt = latest(lastByteAt, connection.lastByteAt);
    }
    const { count: failed } = this.#failures;
    return { open: this.#connections.size, total: this.#total, failed, bytesUp, bytesDown, inFlightBytes, lastByteAt };
  }

  connections(): readonly ConnectionInfo[] {
    return Array.from(this.#connections, (connection) => connection.describe());
  }

  closeListeners(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  drain(signal: AbortSignal): Promise<void> {
    this.#context.heldEnds.hurry();
    return new Promise((resolve, reject) => {
      if (this.#connections.size === 0) return resolve();
      if (signal.aborted) return reject(signal.reason);
      const onIdle = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#idleWaiters.delete(onIdle);
        reject(signal.reason);
      };
      this.#idleWaiters.add(onIdle);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  close(): void {
    this.closeListeners();
    for (const connection of this.#connections) connection.close();
    this.#context.heldEnds.close();
  }

  #listen(): readonly PortPair[] {
    try {
      return this.#options.ports.map((pair) => {
        const listener = this.#listenOn(pair);
        this.#listeners.push(listener);
        return { local: listener.port, remote: pair.remote };
      });
    } catch (error) {
      this.closeListeners();
      throw error;
    }
  }

  #listenOn(pair: PortPair): TcpListener {
    const { listenAddress: host } = this.#options;
    try {
      return listenTcp({ host, port: pair.local, onConnection: (local) => this.#accept(local, pair.remote) });
    } catch (error) {
      throw bindError(host, pair.local, error);
    }
  }

  #accept(local: ByteStream, remotePort: number): void {
    this.#total += 1;
    const connection = new RelayConnection(this.#context, this.#total, local, remotePort);
    this.#connections.add(connection);
    connection.start();
  }

  #forget(connection: RelayConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#closedBytesUp += connection.bytesUp;
    this.#closedBytesDown += connection.bytesDown;
    this.#closedLastByteAt = latest(this.#closedLastByteAt, connection.lastByteAt);
    this.#options.onClosed?.();
    if (this.#connections.size > 0) return;
    for (const onIdle of this.#idleWaiters) onIdle();
    this.#idleWaiters.clear();
  }
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function bindError(host: string, port: number, cause: unknown): Error {
  const code = systemErrorCode(cause);
  if (code === "EADDRINUSE") {
    return new ConflictError(`Cannot listen on local port ${port}: another program has it`, {
      code: "local-port-taken",
      hop: "local-port",
      hint: "Choose another --local-port, or 0 for any free one",
      cause,
    });
  }
  return new LocalError(`Cannot listen on ${host}, port ${port}: ${errorMessage(cause)}`, {
    code: code === "EACCES" || code === "EPERM" ? "local-port-forbidden" : "local-port-unusable",
    hop: "local-port",
    cause,
  });
}
