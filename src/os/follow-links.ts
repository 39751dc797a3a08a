// Where symbolic links lead, also when nothing is there yet: what the system tells only of files that exist.
import { realpathSync } from "node:fs";
import { lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute } from "node:path";
import { LocalError, systemErrorCode } from "../domain/errors.ts";

/** The system's own limit on symbolic links in one path (ELOOP). */
const MAX_LINKS = 40;

/** Where a chain of links ends, existing or not. Folders are resolved by the system, never by editing text: `..` behind
 * a linked folder means the parent of what the link names. */
export async function followLinks(path: string): Promise<string> {
  let current = path;
  for (let count = 0; count <= MAX_LINKS; count += 1) {
    const folder = await resolvePath(dirname(current));
    current = `${folder.replace(/[\\/]$/, "")}/${basename(current)}`;
    const target = await readLinkIfLink(current);
    if (target === undefined) return current;
    current = isAbsolute(target) ? target : `${folder}/${target}`;
  }
  throw new LocalError(`Cannot write "${path}": its symbolic links form a loop`, { code: "not-a-file" });
}

/** The path without links. Throws where there is nothing. */
export async function resolvePath(path: string): Promise<string> {
  // The runtime's asynchronous call ends at the 260 characters of old programs for Windows; this one does not.
  return process.platform === "win32" ? realpathSync(path) : await realpath(path);
}

async function readLinkIfLink(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
