// The one Include of ours in the user's OpenSSH configuration.
import { asByteText, splitLines, stripLineEnd } from "../../formats/byte-text.ts";
import { findBlocks, putBlockFirst, removeBlock } from "../../formats/marked-block.ts";
import { INCLUDE_ID, INCLUDE_NEW_FILE_ID, includeBlock } from "../../formats/ssh-config.ts";
import { editUserFile } from "../user-file.ts";

/** Includes our file at the very top of the user's: below a `Host` line it would hold for that host alone. A user who
 * wrote the line in by hand keeps it as it is. */
export async function addInclude(userConfig: string, ownConfig: string): Promise<void> {
  await editUserFile(userConfig, (text) => {
    const block = includeBlock(text === undefined ? INCLUDE_NEW_FILE_ID : INCLUDE_ID, ownConfig);
    if (text === undefined) return putBlockFirst("", block, userConfig);
    const ids = findBlocks(text, userConfig).map(({ id }) => id);
    if (ids.includes(INCLUDE_NEW_FILE_ID)) {
      return putBlockFirst(text, includeBlock(INCLUDE_NEW_FILE_ID, ownConfig), userConfig);
    }
    if (!ids.includes(INCLUDE_ID) && hasLine(text, block.lines[0] ?? "")) return text;
    return putBlockFirst(text, block, userConfig);
  });
}

/** Takes the Include out again; a file that was made for it and holds nothing else goes too. */
export async function removeInclude(userConfig: string, ownConfig: string): Promise<void> {
  await editUserFile(userConfig, (text) => {
    if (text === undefined) return undefined;
    const { lines } = includeBlock(INCLUDE_ID, ownConfig);
    const isOurFile = findBlocks(text, userConfig).some(({ id }) => id === INCLUDE_NEW_FILE_ID);
    const rest = [INCLUDE_ID, INCLUDE_NEW_FILE_ID].reduce((left, id) => removeBlock(left, id, userConfig, lines), text);
    return isOurFile && rest === "" ? undefined : rest;
  });
}

function hasLine(text: string, line: string): boolean {
  return splitLines(text).some((other) => stripLineEnd(other).trim() === asByteText(line));
}
