// A TCP socket of the runtime as a byte stream. The runtime sets TCP_NODELAY on every socket it opens or accepts.
import { InboundStream } from "./inbound-stream.ts";

/** A socket that belongs to a stream. */
export type TcpSocket = Bun.Socket<TcpStream>;

/** One TCP connection, open or about to be: see `opened`. */
export class TcpStream extends InboundStream {
  readonly canHalfClose: boolean;
  /** What the system does not take, the runtime hands back. */
  readonly copiesAtOnce = true;
  readonly #onOpened: (() => void) | undefined;
  #socket: TcpSocket | undefined;
  #hasPeerEnded = false;
  #isShut = false;
  #breakError: Error | undefined;

  /** `canHalfClose` is false where the program behind the socket is known to cut both ways on an end. `onOpened` is
   * called when a connect has succeeded; a stream of an accepted socket is opened by its listener. */
  constructor(canHalfClose: boolean, onOpened?: () => void) {
    super(false);
    this.canHalfClose = canHalfClose;
    this.#onOpened = onOpened;
  }

  /** The connection stands. A stream that was destroyed meanwhile drops it. */
  opened(socket: TcpSocket): void {
    if (this.isClosed) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.#onOpened?.();
  }

  /** Lets the system notice a peer that vanished without a word. */
  keepAlive(): void {
    // With the system's own timing: the runtime's would give a peer up after ten seconds of lost packets.
    this.#socket?.setKeepAlive(true, 0);
  }

  write(chunk: Uint8Array): number {
    const socket = this.#socket;
    if (socket === undefined || this.#isShut) return 0;
    const taken = socket.write(chunk);
    if (taken >= 0) return taken;
    this.#breakOff(socket);
    return 0;
  }

  end(): void {
    if (this.#socket === undefined || this.#isShut) return;
    this.#isShut = true;
    endsToSend.add(this);
  }

  /** From the queue of ends: sends ours. */
  sendEnd(): void {
    // With the peer's half gone, closing says the same as shutting down and saves a turn of the event loop.
    if (this.#hasPeerEnded) this.#socket?.close();
    else this.#socket?.shutdown();
  }

  destroy(error?: Error): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.dropped(error);
    if (error === undefined) socket?.close();
    else socket?.terminate();
  }

  /** From the socket: room to write again. */
  drained(): void {
    if (this.#socket !== undefined && !this.#isShut) this.tellDrain();
  }

  /** From the socket: the peer sent a FIN. */
  peerEnded(): void {
    this.#hasPeerEnded = true;
    if (this.#breakError !== undefined) return;
    if (this.#isShut) this.#socket?.close();
    this.ended();
  }

  /** From the socket: it is closed. */
  socketClosed(error: Error | undefined): void {
    this.#socket = undefined;
    this.closed(error ?? this.#breakError);
  }

  protected stopSource(): void {
    this.#socket?.pause();
  }

  protected startSource(): void {
    this.#socket?.resume();
  }

  /** A refused write means a reset, and it uses up the system's error: the socket itself would report a clean end. */
  #breakOff(socket: TcpSocket): void {
    if (this.#breakError !== undefined) return;
    this.#breakError = Object.assign(new Error("Connection reset by the peer"), { code: "ECONNRESET" });
    queueMicrotask(() => socket.terminate());
  }
}

/** Ends wait until everything else that is ready has been served: closing connections costs as much as opening them, and
 * a burst of short connections goes faster when the new ones come first. The delay is one turn of the event loop. */
class EndQueue {
  #streams: TcpStream[] = [];

  add(stream: TcpStream): void {
    if (this.#streams.push(stream) === 1) setImmediate(() => this.#send());
  }

  #send(): void {
    const streams = this.#streams;
    this.#streams = [];
    for (const stream of streams) stream.sendEnd();
  }
}

const endsToSend = new EndQueue();

/** Whether peers at this address live on this machine and so cannot vanish without a word. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Events of all sockets, shared: the stream is the socket's `data`. */
export const tcpEvents = {
  binaryType: "uint8array",
  open(socket: TcpSocket): void {
    socket.data.opened(socket);
  },
  data(socket: TcpSocket, chunk: Uint8Array): void {
    socket.data.received(chunk);
  },
  drain(socket: TcpSocket): void {
    socket.data.drained();
  },
  end(socket: TcpSocket): void {
    socket.data.peerEnded();
  },
  close(socket: TcpSocket, error?: Error): void {
    socket.data?.socketClosed(error);
  },
  error(socket: TcpSocket, error: Error): void {
    socket.data?.destroy(error);
  },
} as const satisfies Bun.SocketHandler<TcpStream, "uint8array">;
