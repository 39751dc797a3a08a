// Removes a folder with all that is in it, where Windows has files in use for a moment longer than their users.
import { readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../domain/errors.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { localFileError } from "./file-errors.ts";

/** Removes the folder; fine when it is gone already. Links are removed, not followed. Throws LocalError. */
export async function removeFolder(path: string): Promise<void> {
  try {
    await removeTree(path);
  } catch (error) {
    throw localFileError("remove", path, error);
  }
}

/** Entry by entry: a recursive removal by the system's own call gives up at the first file that is in use. */
async function removeTree(path: string): Promise<void> {
  const entries = await unlessAbsent(() => readdir(path, { withFileTypes: true }));
  for (const entry of entries ?? []) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await removeTree(child);
    else await unlessAbsent(() => retryWhileBusy(() => unlink(child)));
  }
  await unlessAbsent(() => retryWhileBusy(() => rmdir(path)));
}

async function unlessAbsent<T>(operation: () => Promise<T>): Promise<T | undefined> {
  try {
    return await operation();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
