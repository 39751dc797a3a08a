// Lines of ours inside a file of somebody else, between a begin mark and an end mark. Nothing outside the marks changes.
import { ConflictError } from "../../domain/errors.ts";
import { asByteText, BYTE_ORDER_MARK, lineEndOf, splitLines, stripLineEnd } from "./byte-text.ts";

/** Our lines under an id. The id is made of letters, digits and simple punctuation, without white space at its ends. */
export type MarkedBlock = { readonly id: string; readonly lines: readonly string[] };

/** A block found in a text; lines come without line ends. */
type FoundBlock = MarkedBlock & { readonly first: number; readonly last: number };

/** Puts the block at the very top, behind a byte order mark. Blocks of the same id go first. */
export function putBlockFirst(text: string, block: MarkedBlock, file: string): string {
  const rest = removeBlock(text, block.id, file);
  const mark = rest.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : "";
  const end = lineEndOf(rest);
  const lines = [beginMark(block.id), ...block.lines, endMark(block.id)];
  return mark + lines.map((line) => `${asByteText(line)}${end}`).join("") + rest.slice(mark.length);
}

/** Removes the blocks of that id. With `ownLines`, other lines that somebody put between the marks stay. `file` names
 * the file in errors. Throws ConflictError where marks do not pair up. */
export function removeBlock(text: string, id: string, file: string, ownLines?: readonly string[]): string {
  // The mark of the file's encoding is no part of the first line, which may be ours.
  const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : "";
  const lines = splitLines(text.slice(mark.length));
  const blocks = findAll(lines, file).filter((block) => block.id === asByteText(id));
  if (blocks.length === 0) return text;
  const own = ownLines && new Set(ownLines.map(asByteText));
  const kept = lines.filter((line, index) => {
    const block = blocks.find(({ first, last }) => index >= first && index <= last);
    if (block === undefined) return true;
    if (own === undefined || index === block.first || index === block.last) return false;
    return !own.has(stripLineEnd(line).trim()) && stripLineEnd(line).trim() !== "";
  });
  return mark + kept.join("");
}

/** All blocks of ours in the text, in order. Throws ConflictError where marks do not pair up. */
export function findBlocks(text: string, file: string): readonly MarkedBlock[] {
  const start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  return findAll(splitLines(text.slice(start)), file).map(({ id, lines }) => ({
    id: words(id),
    lines: lines.map(words),
  }));
}

function findAll(lines: readonly string[], file: string): readonly FoundBlock[] {
  const blocks: FoundBlock[] = [];
  let open: { readonly id: string; readonly first: number } | undefined;
  lines.forEach((line, index) => {
    const text = stripLineEnd(line).trim();
    const begin = BEGIN.exec(text)?.[1];
    const end = END.exec(text)?.[1];
    if (begin !== undefined) {
      if (open !== undefined) throw brokenMarks(file, open.first, "has no end mark");
      open = { id: begin, first: index };
    }
    if (end === undefined) return;
    if (open?.id !== end) throw brokenMarks(file, index, "ends a block that was not begun");
    const inner = lines.slice(open.first + 1, index).map(stripLineEnd);
    blocks.push({ ...open, last: index, lines: inner });
    open = undefined;
  });
  if (open !== undefined) throw brokenMarks(file, (open as { first: number }).first, "has no end mark");
  return blocks;
}

/** Our own words again, out of a text with one character a byte. */
function words(byteText: string): string {
  return Buffer.from(byteText, "latin1").toString("utf8");
}

const BEGIN = /^# >>> runtunnel (.+) >>>$/;
const END = /^# <<< runtunnel (.+) <<<$/;

function beginMark(id: string): string {
  return `# >>> runtunnel ${id} >>>`;
}

function endMark(id: string): string {
  return `# <<< runtunnel ${id} <<<`;
}

function brokenMarks(file: string, index: number, what: string): ConflictError {
  return new ConflictError(`Cannot edit "${file}": the runtunnel mark in line ${index + 1} ${what}`, {
    code: "broken-marks",
    hint: `Open "${file}", delete line ${index + 1} and what belongs to it, and try again`,
  });
}
