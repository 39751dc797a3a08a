// The contract of a transport: it dials ports of a run and returns byte streams.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { Log } from "../domain/log.ts";
import type { Route } from "../domain/route.ts";

/** Limits of one dial. */
export type DialOptions = {
  /** Aborting ends the dial at once and frees everything it opened. */
  readonly signal: AbortSignal;
  /** For the whole dial, handshakes included; never for the established connection. */
  readonly timeoutMs: number;
};

/** Dials along one route. Dials run side by side. May hold something shared (an SSH connection) until closed. */
export interface Dialer {
  /** Opens a stream to a port of the run. Rejects with an AppError that names the hop. */
  dial(port: number, options: DialOptions): Promise<ByteStream>;
  /** Frees what dials share; streams that were handed out stay. Safe to call twice. */
  close(): void;
}

/** A way for bytes to travel. Must pass test/transports/contract.ts unchanged. */
export interface Transport {
  /** As in Route.transport. */
  readonly name: string;
  /** Checks the route, without touching the network, and returns its dialer. */
  open(route: Route, log: Log): Dialer;
}
