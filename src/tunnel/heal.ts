// Clears away what crashed tunnels left: every command that changes anything calls it first.
import type { TunnelRecord } from "../registry/record.ts";
import { orAborted } from "../streams/deadline.ts";
import type { AppContext } from "./context.ts";
import { livenessNow, lookAgain } from "./look-again.ts";
import { undoConfiguration } from "./ssh/undo-configuration.ts";

/** Undoes and removes the records of dead tunnels and sets damaged files aside. Notes go to the user. */
export async function healRegistry(context: AppContext): Promise<void> {
  const { registry, progress } = context;
  const { records, damaged } = await registry.list();
  for (const file of damaged) {
    if (file.newer || file.unreadable) continue;
    if (await registry.setAside(file)) progress.note(`${file.message}; set aside as "${file.path}.damaged"`);
  }
  await registry.sweep();
  // Side by side: each may wait a quarter of a minute for a run that is out of reach.
  const healed = await Promise.allSettled(records.map((seen) => healIfDead(seen, context)));
  for (const outcome of healed) if (outcome.status === "rejected") throw outcome.reason;
}

async function healIfDead(seen: TunnelRecord, context: AppContext): Promise<void> {
  const record = await lookAgain(seen, context);
  if (record === undefined || (await livenessNow(record, context)) !== "dead" || isAwaited(record, context)) return;
  context.signal.throwIfAborted();
  // Whoever is interrupted does not wait for a run out of reach; the record stays for the next command.
  await orAborted(healRecord(record, context), context.signal);
}

/** Whether the command that started the tunnel still lives to read how it failed, and will clean up by itself. */
export function isAwaited(record: TunnelRecord, context: AppContext): boolean {
  return record.state === "failed" && record.mode !== "foreground" && context.processes.isAlive(record.launcher);
}

/** Cleans up behind one dead tunnel. What cannot be undone is told, and does not keep the record. */
export async function healRecord(record: TunnelRecord, context: AppContext): Promise<void> {
  for (const message of await undoConfiguration(record, context)) context.progress.note(message);
  await context.registry.remove(record.id);
}
