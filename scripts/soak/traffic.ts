// Connections through tunnels that check every byte: what comes back is what was sent, or the connection breaks.
import { randomBytes } from "node:crypto";
import net from "node:net";

/** How a connection went; `wrong` is the one thing that must never be. */
export type TrafficOutcome = "whole" | "broken" | "wrong";

/** A connection gives up after so much silence; longer than a tunnel holds one. */
const SILENCE_MS = 30_000;

/** Sends random bytes to an echo behind the port and compares. */
export function exchange(port: number, sizeBytes: number): Promise<TrafficOutcome> {
  const sent = randomBytes(sizeBytes);
  let received = 0;
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    let matches = true;
    const finish = (): void => {
      socket.destroy();
      if (!matches || received > sizeBytes) resolve("wrong");
      else resolve(received < sizeBytes ? "broken" : "whole");
    };
    socket.setTimeout(SILENCE_MS, finish);
    socket.on("connect", () => socket.write(sent));
    socket.on("data", (chunk: Buffer) => {
      matches &&= chunk.equals(sent.subarray(received, received + chunk.length));
      received += chunk.length;
      if (received >= sizeBytes) finish();
    });
    socket.on("error", finish);
    socket.on("close", finish);
  });
}

/** An echo on a free port of loopback. */
export async function startEcho(): Promise<{ readonly port: number; close(): void }> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port was bound");
  return {
    port: address.port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
