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
import type { RecentConnect, RecentConnects } from "./recent-connects.ts";
import { type Resolver, resolveHost, systemResolver } from "./resolve-host.ts";
import type { Deadline, SharedDeadlines } from "./shared-deadlines.ts";
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
  if (recent === undefined || signal.aborted) return connectFirst(endpoint, undefined, options);
  const known = recent.of(endpoint);
  const address = known.reserve();
  if (address === undefined) return connectFirst(endpoint, known, options);
  return new ShortConnect(endpoint, { known, address, deadlines: recent.deadlines }, options).promise;
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

function connectFirst(
  endpoint: Endpoint,
  known: RecentConnect | undefined,
  options: ConnectOptions,
): Promise<RewindableStream> {
  return connectSocket(endpoint, options, (socket, address) => {
    // A socket that was reset at once knows no address any more, and nothing is to be remembered of it.
    if (address !== "") known?.succeeded(address);
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

/** What a short connect builds on. */
type ShortWay = { readonly known: RecentConnect; readonly address: string; readonly deadlines: SharedDeadlines };

/** The short way: the runtime's own connect, which costs a third less but cannot be cancelled. Only for an endpoint that
 * answered a moment ago, see RecentConnects. A stream given up meanwhile drops its socket as soon as it opens. */
class ShortConnect {
  readonly promise: Promise<RewindableStream>;
  readonly #endpoint: Endpoint;
  readonly #way: ShortWay;
  readonly #options: ConnectOptions;
  readonly #stream: TcpStream;
  readonly #deadline: Deadline;
  readonly #resolve: (stream: RewindableStream) => void;
  readonly #reject: (error: unknown) => void;

  constructor(endpoint: Endpoint, way: ShortWay, options: ConnectOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<RewindableStream>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#endpoint = endpoint;
    this.#way = way;
    this.#options = options;
    this.#stream = new TcpStream(options.canHalfClose ?? true, () => this.#opened());
    this.#deadline = way.deadlines.set(options.timeoutMs, () => {
      this.#giveUp(connectTimeout(endpoint, options.hop, options.timeoutMs));
    });
    options.signal.addEventListener("abort", this);
    this.#start();
  }

  /** As the listener of the signal. */
  handleEvent(): void {
    this.#giveUp(this.#options.signal.reason);
  }

  #start(): void {
    const { known, address } = this.#way;
    const { port } = this.#endpoint;
    const events = { hostname: address, port, allowHalfOpen: true, data: this.#stream, socket: tcpEvents };
    Bun.connect<TcpStream>(events).then(
      () => known.release(),
      (error: unknown) => {
        known.release();
        known.failed();
        this.#giveUp(connectFailure(this.#endpoint, this.#options.hop, error));
      },
    );
  }

  #opened(): void {
    const { known, address } = this.#way;
    this.#settle();
    known.succeeded(address);
    if (!isLoopback(address)) this.#stream.keepAlive();
    this.#resolve(this.#stream);
  }

  #giveUp(error: unknown): void {
    this.#settle();
    this.#stream.destroy();
    this.#reject(error);
  }

  #settle(): void {
    this.#way.deadlines.meet(this.#deadline);
    this.#options.signal.removeEventListener("abort", this);
  }
}
