// What parts of the program may say about their work. Where it goes is decided in main.ts.

/** Levels in ascending order of weight, as `--log-level` names them. */
export const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values printed behind a message as `key=value`. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A sink for messages; messages follow the rules for error messages and never carry secrets. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A log that says nothing. */
export const SILENT_LOG: Log = { debug() {}, info() {}, warning() {}, error() {} };

/** Whether a message of this level is wanted where `threshold` is the least level to show. */
export function isLogged(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}
