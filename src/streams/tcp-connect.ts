// Connects over TCP: names resolved, addresses raced, failures told by hop, nothing left open when given up.
import type net from "node:net";
import type { Endpoint } from "../domain/endpoint.ts";
import { AppError, type Hop, systemErrorCode } from "../domain/errors.ts";
import { connectError, connectTimeout } from "./connect-error.ts";
import { withDeadline } from "./deadline.ts";
import { findDescriptorShortage } from "./descriptors.ts";
import type { RewindableStream } from "./inbound-stream.ts";
import { fromDuplex } from "./node-duplex.ts";
import { openSocket } from "./open-socket.ts";
import type { RecentConnects } from "./recent-connects.ts";
import { type Resolver, resolveHost, systemResolver } from "./resolve-host.ts";
import { isLoopback, type TcpSocket, TcpStream, tcpEvents } from "./tcp-stream.ts";

/** Limits of a connect and how its failures are told. */
export type ConnectOptions = {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** What the endpoint is on the way to the run. */
  readonly hop: Hop;
  /** False for a peer that cuts both ways on an end; true by default. */
  readonly canHalfClose?: boolean;
  readonly resolve?: Resolver;
  /** Lets bursts of connects to one endpoint take a shorter way. */
  readonly recent?: RecentConnects;
};

/** Connects, or rejects with an AppError or the signal's reason. An abort frees everything at once. */
export function connectTcp(endpoint: Endpoint, options: ConnectOptions): Promise<RewindableStream> {
  const { recent, signal } = options;
  const address = signal.aborted ? undefined : recent?.reserve(endpoint);
  if (recent === undefined || address === undefined) return connectFirst(endpoint, options);
  return connectAgain(endpoint, address, recent, options);
}

/** Opens a cancellable socket and hands it to `take` before any byte can arrive. For streams made of sockets. */
export function connectSocket<T>(
  endpoint: Endpoint,
  options: ConnectOptions,
  take: (socket: net.Socket, address: string) => T,
): Promise<T> {
  const { signal, timeoutMs, hop } = options;
  const onTimeout = (): Error => connectTimeout(endpoint, hop, timeoutMs);
  return withDeadline({ signal, timeoutMs, onTimeout }, async (bounded) => {
    const addresses = await resolveHost(endpoint.host, options.resolve ?? systemResolver, bounded);
    try {
      return await openSocket(addresses, endpoint.port, bounded, (socket) => take(socket, socket.remoteAddress ?? ""));
    } catch (error) {
      bounded.throwIfAborted();
      throw error instanceof AppError ? error : connectFailure(endpoint, hop, error);
    }
  });
}

function connectFailure(endpoint: Endpoint, hop: Hop, error: unknown): AppError {
  const shortage = systemErrorCode(error) === "ECONNREFUSED" ? findDescriptorShortage() : undefined;
  return connectError(endpoint, hop, shortage ?? error);
}

function connectFirst(endpoint: Endpoint, options: ConnectOptions): Promise<RewindableStream> {
  return connectSocket(endpoint, options, (socket, address) => {
    // A socket that was reset at once knows no address any more, and nothing is to be remembered of it.
    if (address !== "") options.recent?.succeeded(endpoint, address);
    if (!isLoopback(address)) socket.setKeepAlive(true, 0);
    return adoptSocket(socket, options.canHalfClose ?? true);
  });
}

/** Takes the runtime's socket out of its node:net wrapping, whose buffering a relay does not want. */
function adoptSocket(socket: net.Socket, canHalfClose: boolean): RewindableStream {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isRuntimeSocket(handle)) return fromDuplex(socket, { canHalfClose });
  Reflect.set(socket, "_handle", null);
  const stream = new TcpStream(canHalfClose);
  handle.data = stream;
  handle.reload({ socket: tcpEvents });
  stream.opened(handle);
  return stream;
}

function isRuntimeSocket(handle: unknown): handle is TcpSocket {
  if (typeof handle !== "object" || handle === null) return false;
  return ["reload", "write", "shutdown", "terminate", "pause", "resume"].every(
    (name) => typeof Reflect.get(handle, name) === "function",
  );
}

/** The short way: the runtime's own connect, which costs a third less but cannot be cancelled. Only for an endpoint that
 * answered a moment ago, see RecentConnects. A stream given up meanwhile drops its socket as soon as it opens. */
function connectAgain(
  endpoint: Endpoint,
  address: string,
  recent: RecentConnects,
  options: ConnectOptions,
): Promise<RewindableStream> {
  const { signal, timeoutMs, hop } = options;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      recent.deadlines.meet(deadline);
      signal.removeEventListener("abort", onAbort);
    };
    const stream = new TcpStream(options.canHalfClose ?? true, () => {
      settle();
      recent.succeeded(endpoint, address);
      if (!isLoopback(address)) stream.keepAlive();
      resolve(stream);
    });
    const giveUp = (error: unknown): void => {
      settle();
      stream.destroy();
      reject(error);
    };
    const onAbort = (): void => giveUp(signal.reason);
    const deadline = recent.deadlines.set(timeoutMs, () => giveUp(connectTimeout(endpoint, hop, timeoutMs)));
    signal.addEventListener("abort", onAbort);
    Bun.connect<TcpStream>({
      hostname: address,
      port: endpoint.port,
      allowHalfOpen: true,
      data: stream,
      socket: tcpEvents,
    }).then(
      () => recent.release(endpoint),
      (error: unknown) => {
        recent.release(endpoint);
        recent.failed(endpoint);
        giveUp(connectFailure(endpoint, hop, error));
      },
    );
  });
}
