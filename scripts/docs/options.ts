// Options by the groups of the help, for both documents.
import type { CommandDescription, OptionDescription } from "../../src/cli/describe-command.ts";

/** Options that every command takes are described once. */
export const COMMON_GROUP = "Common";

/** Words for an option's value, where its name does not say it. */
const VALUE_NAMES: Readonly<Record<string, string>> = {
  "local-port": "PORT",
  "remote-port": "PORT",
  "preferred-port": "PORT",
  "listen-address": "ADDRESS",
  timeout: "TIME",
  "timeout-stop": "TIME",
  "connection-timeout": "TIME",
  "probe-interval": "TIME",
  "probe-timeout": "TIME",
  identity: "FILE",
  output: "FILE",
  config: "FILE",
  "log-file": "FILE",
  filezilla: "FILE",
  file: "FILE",
  "ssh-path": "FOLDER",
  retries: "NUMBER",
  lines: "NUMBER",
  limit: "NUMBER",
  "probe-threshold": "NUMBER",
  platform: "NAME",
  profile: "NAME",
  "ssh-host": "NAME",
  "ssh-user": "NAME",
  app: "NAME",
  region: "NAME",
  user: "NAME",
  "log-level": "LEVEL",
  state: "STATE",
  as: "NAME",
  proxy: "URL",
  url: "URL",
};

/** Groups in the order of the help, those of every command left out. */
export function groupOptions(command: CommandDescription): ReadonlyMap<string, readonly OptionDescription[]> {
  const groups = new Map<string, OptionDescription[]>();
  for (const option of command.options) {
    if (option.group === COMMON_GROUP) continue;
    groups.set(option.group, [...(groups.get(option.group) ?? []), option]);
  }
  return groups;
}

/** Names of an option, short one first: `-lp`, `--local-port`. */
export function optionNames({ name, short }: OptionDescription): readonly string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
}

/** What stands for the option's value: its choices, or a word; undefined for a switch. */
export function valueName({ choices, name, takesValue }: OptionDescription): string | undefined {
  if (!takesValue) return undefined;
  return choices.length > 0 ? choices.join("|") : (VALUE_NAMES[name] ?? "VALUE");
}

/** Text of an example with the program's name. */
export function exampleLine(line: string): string {
  return line.replaceAll("$0", "runtunnel");
}

/** A sentence's first letter made small or the sentence ended, as the place wants it. */
export function asSentence(text: string): string {
  return /[.!?:]$/.test(text) ? text : `${text}.`;
}
