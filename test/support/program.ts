// Runs a foreign server for a test and waits until it listens.
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closedPort } from "./echo-server.ts";
import { eventually } from "./eventually.ts";

/** A foreign server that listens. */
export type RunningProgram = { readonly port: number; stop(): Promise<void> };

/** What to start: files are written to a folder of its own first. */
export type ProgramPlan = {
  readonly command: readonly string[];
};

/** Starts a server on a free port. `plan` writes what it needs into the folder. */
export async function startProgram(
  name: string,
  plan: (folder: string, port: number) => Promise<ProgramPlan>,
): Promise<RunningProgram> {
  const folder = await mkdtemp(join(tmpdir(), `runtunnel-${name}-`));
  const port = await closedPort();
  const { command } = await plan(folder, port);
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", detached: true });
  const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended: ${(await output).join("\n")}`);
      await probe(port);
    });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    port,
    stop: async () => {
      // The whole group, and hard: servers with helpers of their own take their time over open connections.
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
      await child.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function probe(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
}
