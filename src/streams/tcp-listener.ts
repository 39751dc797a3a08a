// Accepts TCP connections on one local address.
import type { ByteStream } from "../domain/byte-stream.ts";
import { isLoopback, type TcpSocket, TcpStream, tcpEvents } from "./tcp-stream.ts";

/** Where to listen and who gets the connections. */
export type ListenOptions = {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Called for each connection; owns the stream from then on. Must not throw. */
  readonly onConnection: (stream: ByteStream) => void;
};

/** A bound listener. */
export type TcpListener = {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; open connections stay. Safe to call twice. */
  close(): void;
};

/** Listens at once. Throws the runtime's error, with the system's `code`, where the address cannot be bound. */
export function listenTcp(options: ListenOptions): TcpListener {
  const { host, onConnection } = options;
  const isLocal = isLoopback(host);
  const listener = Bun.listen<TcpStream>({
    hostname: host,
    port: options.port,
    allowHalfOpen: true,
    // Without it Windows lets a second program bind the same port; elsewhere the runtime's default (SO_REUSEADDR) lets
    // a port be bound again while connections of its last owner still close.
    exclusive: process.platform === "win32",
    socket: {
      ...tcpEvents,
      open(socket: TcpSocket): void {
        const stream = new TcpStream(true);
        socket.data = stream;
        stream.opened(socket);
        if (!isLocal) stream.keepAlive();
        onConnection(stream);
      },
    },
  });
  return { host, port: listener.port, close: () => listener.stop() };
}
