// `stop` by hand against a supervisor that would start the tunnel again: marks it first, so that it stays stopped.
import type { ManagedBy, TunnelRecord } from "../../registry/record.ts";
import type { AppContext } from "../context.ts";
import { possibleReferences } from "../identify-run.ts";
import type { SelectionOptions } from "../selection.ts";
import { holdEntry, listSupervisors, type SupervisedTunnel } from "./service-files.ts";

/** Marks what a supervisor looks after among these records, and what the options mean although it does not run just now:
 * it may be waiting for its next try. */
export async function holdStopped(
  records: readonly TunnelRecord[],
  options: SelectionOptions,
  context: AppContext,
): Promise<void> {
  const entries: Pick<ManagedBy, "file" | "entry">[] = [];
  for (const { managedBy, mode } of records) {
    // Also without a living supervisor: the service manager may be about to start it again.
    if (managedBy !== undefined && mode === "service") entries.push(managedBy);
  }
  for (const supervisor of await listSupervisors(context)) {
    for (const tunnel of supervisor.tunnels) {
      const isStopped = records.some(({ process }) => process !== undefined && process.pid === tunnel.pid);
      const isPending = tunnel.pid === undefined && isMeant(tunnel, options, context);
      if (isStopped || isPending) entries.push({ file: supervisor.file, entry: tunnel.entry });
    }
  }
  for (const entry of entries) await holdEntry(entry, context);
}

function isMeant(tunnel: SupervisedTunnel, options: SelectionOptions, context: AppContext): boolean {
  const { localPorts, platform, run } = options;
  const fitsRun =
    run === undefined ||
    run === tunnel.entry ||
    (platform === undefined && run === tunnel.runName) ||
    possibleReferences(run, platform, context.platforms).some(
      (reference) => reference.platform === tunnel.platform && reference.id === tunnel.run,
    );
  return fitsRun && (localPorts === undefined || tunnel.localPorts.some((port) => localPorts.includes(port)));
}
