// Joins a WebSocket to a TCP port as the manager does: raw bytes in binary frames, close codes that tell what happened.
import net from "node:net";
import type { WebSocket } from "ws";

/** What stands behind a service of a session. */
export type TargetAddress = { readonly host: string; readonly port: number };

/** The address, or undefined where nothing listens; may take its time to start what shall listen. */
export type Target = TargetAddress | undefined | Promise<TargetAddress | undefined>;

/** Ways in which the relay misbehaves after the 101. */
export type PipeFault =
  | "none"
  /** Closes at once with the code of a service that does not listen, or of any other failure to connect. */
  | "1013"
  | "1011"
  /** Accepts and says nothing, for ever. */
  | "mute"
  /** Drops the connection without a close frame. */
  | "cut"
  /** Sends text where only bytes may come. */
  | "text";

/** How a pipe behaves. */
export type PipeOptions = {
  readonly fault: PipeFault;
  /** The web UI does not pass the manager's close on: the client is left alone with a socket that answers pings. */
  readonly swallowsClose: boolean;
};

/** Where the WebSocket has so much to send, the container is not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** Connects the two; everything is closed when either is. */
export async function pipe(ws: WebSocket, target: Target, options: PipeOptions): Promise<void> {
  ws.on("error", () => ws.terminate());
  const pings = new PingGate(ws);
  const close = (code: number): void => {
    // The web UI itself goes on answering pings.
    if (options.swallowsClose) pings.open();
    else ws.close(code);
  };
  switch (options.fault) {
    case "mute":
      pings.open();
      return;
    case "1013":
    case "1011":
      close(Number(options.fault));
      return;
    case "cut":
      ws.terminate();
      return;
    case "text":
      ws.send("this is not the service's", { binary: false });
      return;
    case "none": {
      // What the client says meanwhile waits in its socket.
      ws.pause();
      const address = await target;
      ws.resume();
      if (address === undefined) close(1013);
      else join(ws, address, pings, close);
    }
  }
}

/** Pings are answered only from some moment on: the manager takes up frames when it has connected. */
class PingGate {
  readonly #ws: WebSocket;
  #waiting: Buffer[] | undefined = [];

  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("ping", (payload) => {
      if (this.#waiting === undefined) ws.pong(payload);
      else this.#waiting.push(payload);
    });
  }

  /** Answers those that wait, and from now on all. Safe to call twice. */
  open(): void {
    for (const payload of this.#waiting ?? []) this.#ws.pong(payload);
    this.#waiting = undefined;
  }
}

function join(ws: WebSocket, target: TargetAddress, pings: PingGate, close: (code: number) => void): void {
  const socket = net.connect({ ...target, noDelay: true });
  let isConnected = false;
  socket.on("connect", () => {
    isConnected = true;
    pings.open();
  });
  socket.on("data", (chunk) => {
    ws.send(chunk, { binary: true }, () => {
      if (ws.bufferedAmount < MAX_BUFFERED_BYTES) socket.resume();
    });
    if (ws.bufferedAmount >= MAX_BUFFERED_BYTES) socket.pause();
  });
  socket.on("end", () => {
    close(1001);
    socket.destroy();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (isConnected) close(1001);
    else close(error.code === "ECONNREFUSED" ? 1013 : 1011);
  });
  ws.on("message", (data, isBinary) => {
    // The manager ignores text.
    if (!isBinary || !(data instanceof Uint8Array)) return;
    if (!socket.write(data)) ws.pause();
  });
  socket.on("drain", () => ws.resume());
  ws.on("close", () => socket.destroy());
}
