// Options that several commands share, and readers that turn words into domain types.
import { isAbsolute, join } from "node:path";
import type { Argv } from "yargs";
import { type DurationUnit, parseDuration } from "../domain/duration.ts";
import { UsageError } from "../domain/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../domain/log.ts";
import { parsePortRange } from "../domain/ports.ts";
import type { SettingValue } from "../domain/setting.ts";
import type { Arguments } from "./command.ts";
import { nameSetting } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** Options with several letters behind one dash, as the users of `pipe` know them: long name -> short name. */
export const SHORT_NAMES = {
  "local-port": "lp",
  "remote-port": "rp",
  "connection-timeout": "ct",
  ssh: "s",
  "ssh-path": "sp",
  "ssh-host": "sh",
  "ssh-user": "su",
  "ssh-keep": "sk",
  identity: "i",
  direct: "d",
  "log-file": "l",
  "log-level": "v",
  timeout: "t",
  "timeout-stop": "ts",
  foreground: "f",
  force: "f",
  "keep-existing": "ke",
  "keep-same": "ks",
  "replace-existing": "re",
  "replace-different": "rd",
  retries: "r",
  region: "rg",
  user: "u",
} as const;

/** Adds the options of every command. */
export function commonOptions(yargs: Argv): Argv {
  return yargs
    .option("json", { type: "boolean", describe: "Print data as JSON", group: "Common:" })
    .option("profile", { type: "string", describe: "Profile of the configuration file", group: "Common:" })
    .option("log-level", {
      alias: SHORT_NAMES["log-level"],
      type: "string",
      describe: "CRITICAL, ERROR, WARNING, INFO or DEBUG",
      group: "Common:",
    })
    .option("trace", { type: "boolean", describe: "Print stacks and causes of errors", group: "Common:" });
}

/** The option that decides where a name fits several platforms. */
export function platformOption(yargs: Argv): Argv {
  return yargs.option("platform", {
    type: "string",
    describe: "Platform of the run: cloud-pipeline, backend-ai or host",
  });
}

/** A text option; given twice, the last counts. */
export function readText(words: Arguments, name: string): string | undefined {
  const value = words[name];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  if (last === undefined) return undefined;
  if (typeof last !== "string" && typeof last !== "number") throw new UsageError(`--${name} needs a value`);
  const text = String(last);
  if (text === "") throw new UsageError(`--${name} needs a value`);
  return text;
}

/** Whether a switch is on; given twice is fine. */
export function readSwitch(words: Arguments, name: string): boolean {
  const value = words[name];
  return Array.isArray(value) ? value.at(-1) === true : value === true;
}

/** A repeatable text option. */
export function readTexts(words: Arguments, name: string): readonly string[] {
  const value = words[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** A duration option in milliseconds. */
export function readDuration(words: Arguments, name: string, bareUnit: DurationUnit): number | undefined {
  const text = readText(words, name);
  return text === undefined ? undefined : parseDuration(text, `--${name}`, bareUnit);
}

/** A port or a range of ports. */
export function readPorts(words: Arguments, name: string): readonly number[] | undefined {
  const text = readText(words, name);
  return text === undefined ? undefined : parsePortRange(text, `--${name}`);
}

/** Several ports or ranges with commas between. */
export function readPortList(words: Arguments, name: string): readonly number[] | undefined {
  const text = readText(words, name);
  return text?.split(",").flatMap((part) => parsePortRange(part, `--${name}`));
}

/** A whole number within bounds. */
export function parseWholeNumber(text: string, option: string, least: number, most: number): number {
  const value = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`Cannot read ${option} "${text}"`, { hint: `Give a whole number from ${least} to ${most}` });
  }
  return value;
}

/** A log level, in any case; the setting's own name stands in the complaint. */
export function parseLogLevel(setting: SettingValue | undefined, byDefault: LogLevel): LogLevel {
  if (setting === undefined) return byDefault;
  const level = LOG_LEVELS.find((known) => known === setting.value.trim().toUpperCase());
  if (level !== undefined) return level;
  throw new UsageError(`Cannot read ${nameSetting("log-level", setting)} "${setting.value}"`, {
    hint: didYouMean(setting.value.toUpperCase(), LOG_LEVELS) ?? `Levels are: ${[...LOG_LEVELS].reverse().join(", ")}`,
  });
}

/** A path of the user's, made absolute; `~/` is the home folder, for shells that leave it alone. */
export function resolveUserPath(path: string, workingFolder: string, homeFolder: string): string {
  if (path === "~") return homeFolder;
  if (/^~[/\\]/.test(path)) return join(homeFolder, path.slice(2));
  return isAbsolute(path) ? path : join(workingFolder, path);
}
