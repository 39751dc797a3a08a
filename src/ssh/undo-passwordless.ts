// Takes passwordless SSH back from the journal alone: the workstation first, so that it is clean whatever became of the
// run, then the run itself, for a bounded time.
import { isRunOver } from "../domain/errors.ts";
import { removeAuthorisedKey } from "./authorized-keys-setup.ts";
import type { ClientContext, SshClient } from "./clients/client.ts";
import type { JournalEntry } from "./journal.ts";
import { FILE_KIND, undoKeyFile } from "./key-files.ts";
import { decodeRemoteKey, REMOTE_KEY_KIND } from "./remote/remote-entry.ts";
import type { RemoteShell } from "./remote/remote-shell.ts";

/** What taking back may reach. */
export type UndoContext = ClientContext & {
  readonly clients: readonly SshClient[];
  /** Logs in at the run as at set-up; absent where the run is out of reach or gone for good. */
  readonly connectAgain?: (signal: AbortSignal) => Promise<RemoteShell>;
  /** For the run's part; default 15 s: a stop must not wait long for a machine that is no more. */
  readonly remoteTimeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** Steps that are not taken back, each with what stood in the way. */
export type UndoResult = { readonly failed: readonly { readonly entry: JournalEntry; readonly error: unknown }[] };

const REMOTE_TIMEOUT_MS = 15_000;

/** Takes all steps back, newest first. Never throws; safe to call twice, and for steps that were never taken. */
export async function undoPasswordless(entries: readonly JournalEntry[], context: UndoContext): Promise<UndoResult> {
  const failed: { entry: JournalEntry; error: unknown }[] = [];
  const isRemote = (entry: JournalEntry) => entry.kind === REMOTE_KEY_KIND;
  for (const entry of entries.toReversed().filter((step) => !isRemote(step))) {
    await undoLocal(entry, context).catch((error: unknown) => failed.push({ entry, error }));
  }
  const remote = entries.filter(isRemote);
  if (remote.length > 0) await undoRemote(remote, context, failed);
  return { failed };
}

async function undoLocal(entry: JournalEntry, context: UndoContext): Promise<void> {
  if (entry.kind === FILE_KIND) return await undoKeyFile(entry);
  const client = context.clients.find(({ kinds }) => kinds.includes(entry.kind));
  if (client === undefined) throw new Error(`Unknown step "${entry.kind}" in the journal`);
  await client.undo(entry, context);
}

/** One session for all steps: logging in is what takes the time. */
async function undoRemote(
  entries: readonly JournalEntry[],
  context: UndoContext,
  failed: { entry: JournalEntry; error: unknown }[],
): Promise<void> {
  if (context.connectAgain === undefined) return;
  const timeout = AbortSignal.timeout(context.remoteTimeoutMs ?? REMOTE_TIMEOUT_MS);
  const signal = context.signal === undefined ? timeout : AbortSignal.any([timeout, context.signal]);
  let shell: RemoteShell | undefined;
  try {
    shell = await context.connectAgain(signal);
    for (const entry of entries) {
      const { accounts, line, system } = decodeRemoteKey(entry);
      await removeAuthorisedKey(shell, { accounts, line, system, signal }).catch((error: unknown) =>
        failed.push({ entry, error }),
      );
    }
  } catch (error) {
    // A run that ended took the key with it.
    if (!isRunOver(error)) failed.push(...entries.map((entry) => ({ entry, error })));
  } finally {
    shell?.close();
  }
}
