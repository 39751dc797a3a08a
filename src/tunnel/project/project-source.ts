// Reads a file of tunnels from disk, and refuses one that somebody else may write: it decides where connections go.
import { realpath, stat } from "node:fs/promises";
import { AppError, systemErrorCode, UsageError } from "../../domain/errors.ts";
import { readTextIfExists } from "../../os/atomic-file.ts";
import type { AppContext } from "../context.ts";

/** Larger is not a list of tunnels. */
const MAX_BYTES = 1024 * 1024;
/** Mode bits: written by everybody, and not a folder of the sticky kind. */
const WORLD_WRITABLE = 0o002;

/** The text of a file with its one true path. Throws UsageError: a service must not be started again for it. */
export async function readProjectSource(
  path: string,
  context: AppContext,
): Promise<{ readonly file: string; readonly text: string }> {
  try {
    const file = await realpath(path);
    if (context.system !== "win32" && ((await stat(file)).mode & WORLD_WRITABLE) !== 0) {
      throw new UsageError(`Cannot use "${file}": everybody on this machine may write it`, {
        code: "project-file-unsafe",
        hint: `Run: chmod o-w "${file}"`,
      });
    }
    const text = await readTextIfExists(file, MAX_BYTES);
    if (text !== undefined) return { file, text };
    throw missing(path, undefined);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (systemErrorCode(error) === "ENOENT") throw missing(path, error);
    const why = error instanceof AppError ? error.message : `Cannot read "${path}": ${systemErrorCode(error) ?? error}`;
    throw new UsageError(why, { code: "project-file-unreadable", cause: error });
  }
}

function missing(path: string, cause: unknown): UsageError {
  return new UsageError(`There is no file "${path}"`, {
    code: "no-project-file",
    hint: "Make one with lines [[tunnel]], run = 56819, local-port = 4567, remote-port = 22; or name another file",
    cause,
  });
}
