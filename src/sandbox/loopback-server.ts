// A TCP server on loopback that can go away and come back on the same port, and that leaves no connection behind.
import net from "node:net";
import { LocalError } from "../domain/errors.ts";

/** Where a server listens; port 0 takes a free one. */
export type ServerAddress = { readonly host: string; readonly port: number };

/** Listens, remembers its connections, and drops them when it goes. */
export class LoopbackServer {
  readonly #host: string;
  readonly #onConnection: (socket: net.Socket) => void;
  readonly #sockets = new Set<net.Socket>();
  #port: number;
  #server: net.Server | undefined;

  /** Connections keep half-close: what to do on a FIN is for `onConnection` to decide. */
  constructor(address: ServerAddress, onConnection: (socket: net.Socket) => void) {
    this.#host = address.host;
    this.#port = address.port;
    this.#onConnection = onConnection;
  }

  /** The port in use; the same again after `down()` and `up()`. */
  get port(): number {
    return this.#port;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Starts to listen. Safe to call twice. */
  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    await listen(server, this.#host, this.#port);
    this.#server = server;
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Stops listening and drops every connection. Safe to call twice. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.dropConnections();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Drops every connection with a reset and goes on listening. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  #accept(socket: net.Socket): void {
    socket.on("error", () => socket.destroy());
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#onConnection(socket);
  }
}

function listen(server: net.Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new LocalError(`Cannot listen on ${host} port ${port}`, { cause, hint: "Choose another port" }));
    });
    server.listen(port, host, () => resolve());
  });
}
