// The lock under which a client's shared files are edited. It lies beside them, since several state folders may share
// one home.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../../domain/errors.ts";
import { withFileLock } from "../../os/file-lock.ts";
import type { ClientContext } from "./client.ts";

const LOCK_NAME = "runtunnel.lock";

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
  return await withFileLock(join(folder, LOCK_NAME), { ...context.lock, timeoutMs: TIMEOUT_MS }, work);
}
