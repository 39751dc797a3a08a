// Text that others sent, made fit for messages.

/** Longest piece of foreign text in a message. */
const QUOTE_LENGTH = 120;

/** Quotes foreign text: printable ASCII only, short, and never able to end its own quotes. */
export function quoteForeign(text: string | Uint8Array): string {
  const raw = typeof text === "string" ? text : Buffer.from(text).toString("latin1");
  const printable = raw.replace(/[^\x20-\x7e]+/g, " ").trim();
  const short = printable.length > QUOTE_LENGTH ? `${printable.slice(0, QUOTE_LENGTH)}...` : printable;
  return `"${short.replaceAll('"', "'")}"`;
}
