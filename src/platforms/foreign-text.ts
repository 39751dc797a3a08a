// Texts that others wrote (servers, proxies, files) made fit for one line of ours.
import { redact, type Secret } from "../domain/secret.ts";

/** Longest foreign text quoted in a message; enough for a page title or one sentence of a server. */
const MAX_QUOTED_LENGTH = 200;

/** How much of a page is looked at; titles and messages stand at its beginning. */
const MAX_SEARCHED_LENGTH = 64 * 1024;

/** Foreign text on one line: no control or direction-changing characters, no secrets, bounded. */
export function quoteForeign(text: string, secrets: readonly Secret[] = []): string {
  // Redacted before it is shortened: a secret cut in two would not be found.
  const line = redact(text.slice(0, MAX_SEARCHED_LENGTH), secrets)
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length <= MAX_QUOTED_LENGTH ? line : `${line.slice(0, MAX_QUOTED_LENGTH)}...`;
}

/** What an answer that should have been JSON seems to be: its page title, else its beginning. */
export function describeForeignPage(text: string, secrets: readonly Secret[] = []): string {
  const head = redact(text.slice(0, MAX_SEARCHED_LENGTH), secrets);
  const title = /<title[^>]*>([^<]{1,1000})/i.exec(head)?.[1];
  if (title !== undefined && title.trim() !== "") return `a web page titled "${quoteForeign(title)}"`;
  if (/^\s*</.test(head)) return "a web page";
  const start = quoteForeign(head);
  return start === "" ? "nothing" : `"${start.slice(0, 80)}"`;
}
