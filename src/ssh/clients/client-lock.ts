// The lock under which a client's shared files are edited. It lies beside them, since several state folders may share
// one home.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../../domain/errors.ts";
import { withFileLock } from "../../os/file-lock.ts";
import { removeLeftovers } from "../../os/leftovers.ts";
import type { ClientContext } from "./client.ts";

const LOCK_NAME = "runtunnel.lock";

/** Names of the files that are edited under the lock, in the folder itself and in the one of our own in it. */
const EDITED_FILES = ["config", "known_hosts", "sshhostkeys"] as const;
const OWN_FOLDER = "runtunnel";

/** Also files that a clock ahead of ours has dated. */
const ANY_AGE = Number.NEGATIVE_INFINITY;

/** Twenty commands at once, each with several short edits on a slow disk. */
const TIMEOUT_MS = 60_000;

/** Runs `work` while nobody else of ours edits files in the folder, which is made (0700) where it is missing. */
export async function withClientLock<T>(folder: string, context: ClientContext, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new LocalError(`Cannot make the folder "${folder}"`, {
      code: "not-writable",
      hint: "Check its parent folder, or choose another one with --ssh-path",
      cause,
    });
  }
  return await withFileLock(join(folder, LOCK_NAME), { ...context.lock, timeoutMs: TIMEOUT_MS }, async () => {
    await sweep(folder);
    return await work();
  });
}

/** Takes away what killed processes of ours had written aside: copies of the user's files. Whoever holds the lock is the
 * only writer, and who only asks for the lock can bear to have its file swept away. */
async function sweep(folder: string): Promise<void> {
  for (const name of EDITED_FILES) await removeLeftovers(folder, `.${name}.`, ANY_AGE);
  for (const name of EDITED_FILES) await removeLeftovers(join(folder, OWN_FOLDER), `.${name}.`, ANY_AGE);
  await removeLeftovers(folder, `${LOCK_NAME}.`, ANY_AGE);
}
