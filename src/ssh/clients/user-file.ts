// Edits a file of the user's: every byte that the edit leaves stays, links and modes too, and a file that its owner made
// read-only is left alone.
import { stat } from "node:fs/promises";
import { LocalError, systemErrorCode, UsageError } from "../../domain/errors.ts";
import { readBytesIfExists, removeIfExists, replaceFile } from "../../os/atomic-file.ts";
import { resolvePath } from "../../os/follow-links.ts";
import { fromByteText, toByteText } from "../formats/byte-text.ts";

/** Gives the file's text, one character a byte (undefined: it does not exist), to `edit`, and writes what that returns;
 * undefined removes the file. Writes nothing when nothing changes. Not locked: that is the caller's part. */
export async function editUserFile(
  path: string,
  edit: (text: string | undefined) => string | undefined,
): Promise<void> {
  const bytes = await readBytesIfExists(path);
  const before = bytes === undefined ? undefined : toByteText(bytes);
  if (before !== undefined) requireByteText(path, before);
  const after = edit(before);
  if (after === before) return;
  if (before !== undefined) await requireWritable(path);
  // A link of the user's stays; what it leads to goes.
  if (after === undefined) await removeIfExists(await resolvePath(path));
  else await replaceFile(path, fromByteText(after), { mode: 0o600 });
}

/** OpenSSH and PuTTY cannot read UTF-16 either, but Windows' PowerShell writes it when asked to append a line. */
function requireByteText(path: string, text: string): void {
  if (!/^(?:\xFF\xFE|\xFE\xFF)/.test(text) && !text.includes("\0")) return;
  throw new UsageError(`Cannot edit "${path}": it is not a text file in UTF-8`, {
    code: "not-text",
    hint: `Save "${path}" as UTF-8; SSH programs cannot read it as it is`,
  });
}

/** Replacing a file needs no right to write it, but its owner has said that it is to stay. */
async function requireWritable(path: string): Promise<void> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o200) !== 0) return;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw error;
  }
  throw new LocalError(`Cannot edit "${path}": it is read-only`, {
    code: "not-writable",
    hint: `Run ${writableCommand(path)}, or choose another folder with --ssh-path`,
  });
}

function writableCommand(path: string): string {
  return process.platform === "win32" ? `attrib -r "${path}"` : `"chmod u+w '${path}'"`;
}
