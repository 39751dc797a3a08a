// Lines of a log as the systemd journal wants them: the level as a number in front, see sd-daemon(3). Pure.
import type { LogLevel } from "../domain/log.ts";

const PRIORITIES: Readonly<Record<LogLevel, number>> = { DEBUG: 7, INFO: 6, WARNING: 4, ERROR: 3, CRITICAL: 2 };

/** Turns `WARNING text` into `<4>text`; a line without a level stays as it is. */
export function toJournalLine(line: string): string {
  const at = line.indexOf(" ");
  const level = line.slice(0, at);
  return isLevel(level) ? `<${PRIORITIES[level]}>${line.slice(at + 1)}` : line;
}

function isLevel(text: string): text is LogLevel {
  return Object.hasOwn(PRIORITIES, text);
}
