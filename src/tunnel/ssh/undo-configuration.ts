// Takes back what a tunnel configured outside its own record, from the record's journal alone: after a stop, a crash,
// a kill or a reboot, by whoever comes next.
import { AppError, errorMessage } from "../../domain/errors.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import { decodeJournal, type JournalEntry } from "../../ssh/journal.ts";
import type { RemoteShell } from "../../ssh/remote/remote-shell.ts";
import type { AppContext } from "../context.ts";
import { resolveRun } from "../run-access.ts";
import { clientContext, connectShellBy, sshPortPair } from "./ssh-access.ts";

/** Undoes the journal and returns what could not be undone, as sentences for the user. Safe to run twice. */
export async function undoConfiguration(record: TunnelRecord, context: AppContext): Promise<readonly string[]> {
  const entries = decodeJournal(record.journal);
  // Kept on request, unless the tunnel never came up: then there is nothing worth keeping.
  const isKept = record.spec.ssh?.keep === true && record.readyAt !== undefined;
  if (entries.length === 0 || isKept) return [];
  const { undoPasswordless } = await import("../../ssh/undo-passwordless.ts");
  const { failed } = await undoPasswordless(entries, {
    ...clientContext(context),
    clients: context.sshClients,
    connectAgain: (signal) => connectAdministrator(record, context, signal),
  });
  return failed.map(({ entry, error }) => describeFailure(entry, error, record));
}

/** Logs in at the run as when the key was put there, by a route resolved anew: it may have moved. */
async function connectAdministrator(
  record: TunnelRecord,
  context: AppContext,
  signal: AbortSignal,
): Promise<RemoteShell> {
  const { spec } = record;
  const run = await resolveRun(spec, context, signal);
  const login = run.ssh?.administrator ?? run.ssh?.ready;
  if (login === undefined) throw new Error("the platform hands out no login any more");
  const transport = context.transports.find(({ name }) => name === run.route.transport);
  if (transport === undefined) throw new Error(`there is no transport "${run.route.transport}"`);
  const dialer = transport.open(run.route, context.log);
  try {
    const connect = connectShellBy(async () => dialer, sshPortPair(spec.ports).remote, spec.connectTimeoutMs);
    return await connect(login, signal);
  } finally {
    dialer.close();
  }
}

function describeFailure(entry: JournalEntry, error: unknown, record: TunnelRecord): string {
  const why = errorMessage(error);
  const hint = error instanceof AppError && error.hint !== undefined ? ` (${error.hint})` : "";
  if (entry.kind === "remote-authorized-key") {
    return `warning: Cannot remove our key from ${record.runName}: ${why}${hint}`;
  }
  return `warning: Cannot undo a step of the SSH configuration (${entry.kind}): ${why}${hint}`;
}
