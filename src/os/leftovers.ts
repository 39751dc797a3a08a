// Temporary files of processes that were killed between writing and renaming.
import { readdir, stat, unlink } from "node:fs/promises";

/** Nobody needs this long between writing a temporary file and renaming it; clocks of file servers differ by less. */
const ABANDONED_MS = 3_600_000;

/** Removes `prefix` + 12 hex digits + `.tmp` where such a file is an hour old, or as old as said by who knows that its
 * writer is dead. Best effort: never throws. */
export async function removeLeftovers(folder: string, prefix: string, abandonedMs = ABANDONED_MS): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
    const path = `${folder}/${name}`;
    const status = await stat(path).catch(() => undefined);
    if (status === undefined || Date.now() - status.mtimeMs < abandonedMs) continue;
    await unlink(path).catch(() => undefined);
  }
}
