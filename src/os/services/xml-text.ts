// Text inside XML, for the files of launchd and of the Windows task scheduler. Pure.
import { UsageError } from "../../domain/errors.ts";

/** Escapes text for an element's content. Throws UsageError for characters that XML 1.0 cannot hold at all. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f\ufffe\uffff]/.test(text) || !text.isWellFormed()) {
    throw new UsageError(`A service cannot be made from ${JSON.stringify(text)}: it has control characters`);
  }
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
