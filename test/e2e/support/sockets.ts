// Small servers and clients on loopback, for what no real program does on demand.
import { once } from "node:events";
import net, { type Socket } from "node:net";

/** A server that is closed, with all its connections, at the end of the `await using` block. */
export type LoopbackServer = AsyncDisposable & { readonly port: number; readonly sockets: ReadonlySet<Socket> };

/** Listens on a free port of 127.0.0.1. */
export async function serveLoopback(serve: (socket: Socket) => void): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    serve(socket);
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 2048 });
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return {
    port: address.port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends back what it gets, ends included. */
export function serveEcho(): Promise<LoopbackServer> {
  return serveLoopback((socket) => {
    socket.pipe(socket);
  });
}

/** Says how much it got, but only once the client has ended its half. */
export function serveCount(): Promise<LoopbackServer> {
  return serveLoopback((socket) => {
    let count = 0;
    socket.on("data", (chunk: Buffer) => {
      count += chunk.length;
    });
    socket.once("end", () => socket.end(`received ${count} bytes`));
  });
}

/** Connects, sends, ends its half, and returns all that came back until the other side ended. */
export async function ask(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "connect");
  socket.end(bytes);
  await once(socket, "end");
  socket.destroy();
  return Buffer.concat(chunks).toString("latin1");
}

/** An open connection of a client. */
export async function connect(port: number): Promise<Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  socket.on("error", () => socket.destroy());
  return socket;
}

/** Sends bytes and waits until as many have come back. */
export async function echo(socket: Socket, text: string): Promise<string> {
  let received = "";
  const whole = new Promise<void>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      received += chunk.toString("latin1");
      if (received.length < text.length) return;
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new Error(`Closed after "${received}"`)));
  });
  socket.write(text, "latin1");
  await whole;
  return received;
}

/** One connection that echoes one text. */
export async function echoOnce(port: number, text: string): Promise<string> {
  const socket = await connect(port);
  try {
    return await echo(socket, text);
  } finally {
    socket.destroy();
  }
}
