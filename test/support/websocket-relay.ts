// WebSocket relays for tests: one in this process, and the foreign websockify, both leading to the port that the path names.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import net from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { startProgram } from "./program.ts";

/** A running relay; `url` has `{port}` in it. */
export type TestRelay = { readonly url: string; close(): Promise<void> };

/** Starts a relay in this process that behaves as Backend.AI's manager does. */
export async function startWebSocketRelay(): Promise<TestRelay> {
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, autoPong: false });
  const open = new Set<WebSocket>();
  const server = createServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const port = Number(/^\/(\d+)$/.exec(request.url ?? "")?.[1]);
    webSockets.handleUpgrade(request, socket, head, (ws) => {
      open.add(ws);
      ws.on("close", () => open.delete(ws));
      joinPort(ws, port);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port was bound");
  return {
    url: `ws://127.0.0.1:${address.port}/{port}`,
    close: async () => {
      for (const ws of open) ws.terminate();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function joinPort(ws: WebSocket, port: number): void {
  const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
  let isConnected = false;
  // Frames are taken up, pings too, only when the port was reached.
  const pings: Buffer[] = [];
  ws.on("ping", (payload) => (isConnected ? ws.pong(payload) : void pings.push(payload)));
  socket.on("connect", () => {
    isConnected = true;
    for (const payload of pings) ws.pong(payload);
  });
  socket.on("data", (chunk) => {
    socket.pause();
    ws.send(chunk, () => socket.resume());
    if (ws.bufferedAmount < 1024 * 1024) socket.resume();
  });
  socket.on("end", () => ws.close(1001));
  socket.on("error", () => ws.close(isConnected ? 1001 : 1013));
  ws.on("message", (data) => {
    if (data instanceof Uint8Array && !socket.write(data)) ws.pause();
  });
  socket.on("drain", () => ws.resume());
  ws.on("close", () => socket.destroy());
  ws.on("error", () => socket.destroy());
}

/** Reads the token of the path as the port. */
const PLUGIN = `class Ports:
    def __init__(self, source):
        pass

    def lookup(self, token):
        return ("127.0.0.1", token)
`;

/** Starts websockify; every port of loopback can be reached by naming it as the token. */
export async function startWebsockify(): Promise<TestRelay> {
  const program = await startProgram("websockify", async (folder, port) => {
    await writeFile(join(folder, "ports.py"), PLUGIN);
    const options = ["--token-plugin", "ports.Ports", "--token-source", "x"];
    return { command: ["env", `PYTHONPATH=${folder}`, "websockify", ...options, `127.0.0.1:${port}`] };
  });
  return { url: `ws://127.0.0.1:${program.port}/?token={port}`, close: () => program.stop() };
}
