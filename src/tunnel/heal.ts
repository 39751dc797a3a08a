// Clears away what crashed tunnels left: every command that changes anything calls it first.
import type { TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";
import { lookAgain } from "./look-again.ts";
import { undoConfiguration } from "./undo-configuration.ts";

/** Undoes and removes the records of dead tunnels and sets damaged files aside. Notes go to the user. */
export async function healRegistry(context: AppContext): Promise<void> {
  const { registry, progress } = context;
  const { records, damaged } = await registry.list();
  for (const file of damaged) {
    if (file.newer || file.unreadable) continue;
    if (await registry.setAside(file)) progress.note(`${file.message}; set aside as "${file.path}.damaged"`);
  }
  await registry.sweep();
  for (const seen of records) {
    const record = await lookAgain(seen, context);
    if (record !== undefined && registry.liveness(record) === "dead") await healRecord(record, context);
  }
}

/** Cleans up behind one dead tunnel. What cannot be undone is told, and does not keep the record. */
export async function healRecord(record: TunnelRecord, context: AppContext): Promise<void> {
  for (const message of await undoConfiguration(record, context)) context.progress.note(message);
  await context.registry.remove(record.id);
}
