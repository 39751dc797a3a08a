// Log messages as lines: in a file with time and level, or on stderr for a person.
import { isLogged, type Log, type LogFields, type LogLevel } from "../domain/log.ts";
import { oneLine } from "../domain/one-line.ts";

/** Takes one line without its end. */
export type WriteLine = (line: string) => void;

/** A log that writes lines of at least the given level. `now` gives milliseconds since 1970; without it no time is
 * printed. */
export function lineLog(threshold: LogLevel, write: WriteLine, now?: () => number): Log {
  const say = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (!isLogged(level, threshold)) return;
    const time = now === undefined ? "" : `${new Date(now()).toISOString()} `;
    write(`${time}${level} ${oneLine(message)}${renderFields(fields)}`);
  };
  return {
    debug: (message, fields) => say("DEBUG", message, fields),
    info: (message, fields) => say("INFO", message, fields),
    warning: (message, fields) => say("WARNING", message, fields),
    error: (message, fields) => say("ERROR", message, fields),
  };
}

function renderFields(fields: LogFields | undefined): string {
  if (fields === undefined) return "";
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? renderText(oneLine(value)) : value}`)
    .join("");
}

function renderText(value: string): string {
  return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
}
