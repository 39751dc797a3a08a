// Users' files as text in which every character is one byte, so that whatever encoding they are in, bytes that we do not
// touch come out as they went in.

/** Bytes to text, one character a byte. */
export function toByteText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** The way back. */
export function fromByteText(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

/** Our own words for a place inside such a text: UTF-8, one character a byte. */
export function asByteText(words: string): string {
  return Buffer.from(words, "utf8").toString("latin1");
}

/** The UTF-8 byte order mark in such a text. */
export const BYTE_ORDER_MARK = "\xEF\xBB\xBF";

/** Splits into lines, each with its own line end; joined they give the text again. */
export function splitLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** The line without its line end. */
export function stripLineEnd(line: string): string {
  return line.replace(/\r?\n$/, "");
}

/** The line end in use: that of the first line, else a plain line feed. */
export function lineEndOf(text: string): "\r\n" | "\n" {
  return /^[^\n]*\r\n/.test(text) ? "\r\n" : "\n";
}

/** Appends whole lines, ending a last line that has no end first. */
export function appendLines(text: string, lines: readonly string[]): string {
  const end = lineEndOf(text);
  const start = text === "" || text.endsWith("\n") ? text : `${text}${end}`;
  return start + lines.map((line) => `${line}${end}`).join("");
}
