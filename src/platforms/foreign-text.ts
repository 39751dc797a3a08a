// Texts that others wrote (servers, proxies, files) made fit for one line of ours.
import { redact, type Secret } from "../domain/secret.ts";

/** Longest foreign text quoted in a message; enough for a page title or one sentence of a server. */
const MAX_QUOTED_LENGTH = 200;

/** Foreign text on one line: no control or direction-changing characters, no secrets, bounded. */
export function quoteForeign(text: string, secrets: readonly Secret[] = []): string {
  // Four times the limit: blanks are still to be folded, and a megabyte need not be searched for that.
  const line = redact(text.slice(0, MAX_QUOTED_LENGTH * 4), secrets)
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length <= MAX_QUOTED_LENGTH ? line : `${line.slice(0, MAX_QUOTED_LENGTH)}...`;
}

/** What an answer that should have been JSON seems to be: its page title, else its beginning. */
export function describeForeignPage(text: string, secrets: readonly Secret[] = []): string {
  const head = text.slice(0, 64 * 1024);
  const title = /<title[^>]*>([^<]{1,1000})/i.exec(head)?.[1];
  if (title !== undefined && title.trim() !== "") return `a web page titled "${quoteForeign(title, secrets)}"`;
  if (/^\s*</.test(head)) return "a web page";
  const start = quoteForeign(head, secrets);
  return start === "" ? "nothing" : `"${start.slice(0, 80)}"`;
}
