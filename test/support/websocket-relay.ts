// WebSocket relays for tests: one in this process, and the foreign websockify, both leading to the port that the path names.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { closedPort } from "./echo-server.ts";
import { eventually } from "./eventually.ts";

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
  const folder = mkdtempSync(join(tmpdir(), "runtunnel-websockify-"));
  writeFileSync(join(folder, "ports.py"), PLUGIN);
  const port = await closedPort();
  const child = spawn("websockify", ["--token-plugin", "ports.Ports", "--token-source", "x", `127.0.0.1:${port}`], {
    env: { ...process.env, PYTHONPATH: folder },
    stdio: "ignore",
  });
  await eventually(() => canConnect(port), { timeoutMs: 20_000 });
  return {
    url: `ws://127.0.0.1:${port}/?token={port}`,
    close: async () => {
      await endProcess(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}

async function canConnect(port: number): Promise<void> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}
