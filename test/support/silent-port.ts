// A local port that never answers a connect, as a firewall that drops packets would not.
//
// A stopped process does not accept, and a full accept queue makes Linux drop further SYNs.
import { readFileSync } from "node:fs";
import net from "node:net";

/** The runtime's own backlog; the kernel cuts it to somaxconn. */
const BACKLOG = 512;

/** A silent port; `close` frees it. */
export type SilentPort = { readonly port: number; close(): Promise<void> };

/** Only Linux drops SYNs when the accept queue is full. */
export const hasSilentPorts = process.platform === "linux";

/** Makes a port silent. */
export async function openSilentPort(): Promise<SilentPort> {
  const script = `require("node:net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  process.kill(child.pid, "SIGSTOP");
  const limit = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
  const fillers = await Promise.all(Array.from({ length: Math.min(BACKLOG, limit) + 1 }, () => connect(port)));
  return {
    port,
    close: async () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}
