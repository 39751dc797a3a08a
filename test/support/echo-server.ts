// TCP servers on loopback that behave in the ways a data path has to survive.
import { once } from "node:events";
import net from "node:net";

/** A running server. */
export type TestServer = {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: ReadonlySet<net.Socket>;
  /** Resolves with the next connection that is accepted from now on. */
  nextConnection(): Promise<net.Socket>;
  close(): Promise<void>;
};

/** Starts a server on a free port; `serve` gets each connection. */
export async function startServer(serve: (socket: net.Socket) => void, host = "127.0.0.1"): Promise<TestServer> {
  const connections = new Set<net.Socket>();
  const waiters: ((socket: net.Socket) => void)[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => connections.delete(socket));
    serve(socket);
    for (const waiter of waiters.splice(0)) waiter(socket);
  });
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port was bound");
  return {
    port: address.port,
    connections,
    nextConnection: () => new Promise((resolve) => waiters.push(resolve)),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Sends everything back, the end included. */
export function echo(socket: net.Socket): void {
  socket.pipe(socket);
}

/** Takes everything, says nothing, and ends with the client. A socket that nobody reads would not notice its going. */
export function swallow(socket: net.Socket): void {
  socket.resume();
  socket.on("end", () => socket.end());
}

/** Reads to the end of the client's half and only then answers. */
export function answerAfterEnd(answer: (question: Buffer) => Uint8Array): (socket: net.Socket) => void {
  return (socket) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => socket.end(answer(Buffer.concat(chunks))));
  };
}

/** Talks before it is asked, then echoes. */
export function greet(greeting: Uint8Array): (socket: net.Socket) => void {
  return (socket) => {
    socket.write(greeting);
    socket.pipe(socket);
  };
}

/** Sends the payload in pieces and ends, counting what the system has taken. */
export class Sender {
  sentBytes = 0;
  readonly serve = (socket: net.Socket): void => void this.#send(socket);
  readonly #payload: Uint8Array;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
  }

  async #send(socket: net.Socket): Promise<void> {
    const pieceBytes = 64 * 1024;
    while (this.sentBytes < this.#payload.length && !socket.destroyed) {
      const piece = this.#payload.subarray(this.sentBytes, this.sentBytes + pieceBytes);
      await new Promise<void>((resolve) => {
        socket.once("close", resolve);
        socket.write(piece, () => {
          socket.off("close", resolve);
          resolve();
        });
      });
      this.sentBytes += piece.length;
    }
    socket.end();
  }
}

/** A port on which nothing listens: bound and given up again. */
export async function closedPort(): Promise<number> {
  const server = await startServer(() => undefined);
  await server.close();
  return server.port;
}
