// Ends a process of ours for certain: asks, waits, kills, waits. Never touches another process that got the same PID.
import { LocalError } from "../domain/errors.ts";
import type { ProcessIdentity } from "../domain/process-identity.ts";
import type { AppContext } from "./context.ts";

/** How long a process that was asked to end may take before it is killed. */
const GRACE_MS = 3000;
/** The system takes a killed process away at once unless it hangs in the kernel (a dead NFS server, say). */
const KILL_PATIENCE_MS = 5000;
const LOOK_INTERVAL_MS = 5;

/** Asks the process to end and kills it when it does not within `graceMs`. Gone already is fine. */
export async function endProcess(
  identity: ProcessIdentity | undefined,
  context: AppContext,
  graceMs: number = GRACE_MS,
): Promise<void> {
  if (identity === undefined || !context.processes.isAlive(identity)) return;
  if (graceMs > 0) {
    context.processes.signal(identity, "terminate");
    if (await waitUntilGone(identity, graceMs, context)) return;
  }
  await killProcess(identity, context);
}

/** Kills the process at once and waits until it is gone. */
export async function killProcess(identity: ProcessIdentity, context: AppContext): Promise<void> {
  context.processes.signal(identity, "kill");
  if (await waitUntilGone(identity, KILL_PATIENCE_MS, context)) return;
  throw new LocalError(`Process ${identity.pid} does not end although it was killed`, { code: "unkillable" });
}

/** Whether the process is gone within the time. */
export async function waitUntilGone(identity: ProcessIdentity, forMs: number, context: AppContext): Promise<boolean> {
  const { clock, processes } = context;
  const deadline = clock.monotonicMs() + forMs;
  while (processes.isAlive(identity)) {
    if (clock.monotonicMs() >= deadline) return false;
    await clock.sleep(LOOK_INTERVAL_MS);
  }
  return true;
}
