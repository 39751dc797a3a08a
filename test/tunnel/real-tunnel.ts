// A tunnel in a real process over a scratch home, for tests of what happens to processes.
import { join } from "node:path";
import { processesOf } from "../../src/os/processes/catalog.ts";
import type { TunnelRecord } from "../../src/registry/record.ts";
import { eventually } from "../support/eventually.ts";
import { makeRecord, makeSpec } from "../support/specs.ts";
import { THIS_SYSTEM } from "../support/this-system.ts";
import { makeAppContext, type TestContext } from "./tunnel-world.ts";

/** Processes as they are. */
export const REAL_PROCESSES = processesOf(THIS_SYSTEM);

/** A context in which processes are real. */
export function realContext(home: string, wishes: { readonly signal?: AbortSignal } = {}): TestContext {
  return makeAppContext({ home, processes: REAL_PROCESSES, ...wishes });
}

/** The record of a tunnel to a port of this machine, not served yet. */
export function wantedRecord(remotePort: number, wishes: Partial<TunnelRecord> = {}): TunnelRecord {
  const { process: _, ...rest } = makeRecord({
    id: "1-0a1b2c3d",
    spec: makeSpec({ platform: "test", run: "1", ports: [{ local: 0, remote: remotePort }], retries: 3 }),
    runName: "run-1",
    state: "starting",
    machine: REAL_PROCESSES.machine(),
    owner: REAL_PROCESSES.currentUser(),
    launcher: REAL_PROCESSES.self(),
    ...wishes,
  });
  return rest;
}

/** A served tunnel; its process is killed when the test's block ends, if it still lives. */
export type RealTunnel = AsyncDisposable & {
  readonly record: TunnelRecord;
  readonly localPort: number;
  readonly process: Bun.Subprocess;
};

/** Serves a record in a process of its own and waits until it is ready. */
export async function serveForReal(context: TestContext, record: TunnelRecord): Promise<RealTunnel> {
  await context.registry.write(record);
  const child = Bun.spawn({
    cmd: [process.execPath, join(import.meta.dir, "serve-child.ts"), context.folders.home, record.id],
    stdout: "ignore",
    stderr: "ignore",
  });
  const dispose = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  try {
    const ready = await eventually(async () => {
      const found = await context.registry.find(record.id);
      if (found?.state !== "ready") throw new Error(`The tunnel is ${found?.state}: ${found?.failure?.message}`);
      return found;
    });
    return {
      record: ready,
      localPort: ready.boundPorts?.[0]?.local ?? 0,
      process: child,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
