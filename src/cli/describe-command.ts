// A command's definition as data, for completion and for the documents: what yargs is told is written down on the way.
import yargs, { type Argv, type Options } from "yargs";
import type { SettingDeclaration } from "../domain/setting.ts";
import type { Command } from "./command.ts";
import { addOptions } from "./program.ts";

/** One option of a command. */
export type OptionDescription = {
  /** Without dashes. */
  readonly name: string;
  readonly short?: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly description: string;
  /** As the help groups it: `Tunnel`, or `Options`. */
  readonly group: string;
};

/** One word of a command by its place. */
export type PositionalDescription = {
  readonly name: string;
  readonly isRequired: boolean;
  readonly isRepeated: boolean;
  readonly choices: readonly string[];
  readonly description: string;
};

/** One command. */
export type CommandDescription = {
  readonly name: string;
  /** Words behind the name that are typed as they are: `show` of `config show`. */
  readonly literals: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly details?: string;
  readonly examples: Command["examples"];
  readonly options: readonly OptionDescription[];
  readonly positionals: readonly PositionalDescription[];
};

/** Describes a command without its options: a fraction of the work, where only its name is asked for. */
export function nameCommand({ examples, summary, usage }: Command): CommandDescription {
  const [name = ""] = usage.split(" ");
  return { name, usage, summary, examples, literals: [], options: [], positionals: [] };
}

/** Describes a command with all its options. */
export function describeCommand(command: Command, declarations: readonly SettingDeclaration[]): CommandDescription {
  const { described, options, positionals } = recorder();
  addOptions(command, described, declarations);
  const [name = "", ...places] = command.usage.split(" ");
  return {
    name,
    literals: places.filter((place) => /^[\w-]+$/.test(place)),
    usage: command.usage,
    summary: command.summary,
    ...(command.details === undefined ? {} : { details: command.details }),
    examples: command.examples,
    options: [...options.entries()].map(([optionName, option]) => describeOption(optionName, option)),
    positionals: places.flatMap((place) => describePlace(place, positionals)),
  };
}

/** A yargs that keeps what it is told instead of building a parser. */
function recorder(): {
  readonly described: Argv;
  readonly options: Map<string, Options>;
  readonly positionals: Map<string, Options>;
} {
  const options = new Map<string, Options>();
  const positionals = new Map<string, Options>();
  const described: Argv = new Proxy(yargs(), {
    get: (target, property, receiver) => {
      const kept = property === "option" ? options : property === "positional" ? positionals : undefined;
      if (kept === undefined) return Reflect.get(target, property);
      return (name: string, option: Options) => {
        kept.set(name, option);
        return receiver;
      };
    },
  });
  return { described, options, positionals };
}

function describeOption(name: string, option: Options): OptionDescription {
  const short = typeof option.alias === "string" ? option.alias : undefined;
  return {
    name,
    ...(short === undefined ? {} : { short }),
    takesValue: option.type !== "boolean",
    choices: textsOf(option.choices),
    description: option.describe ?? "",
    group: (option.group ?? "Options:").replace(/:$/, ""),
  };
}

/** `<run>`, `[run]` and `[words..]`; what is neither is a word typed as it is. */
function describePlace(place: string, positionals: ReadonlyMap<string, Options>): readonly PositionalDescription[] {
  const [, bracket, name = "", dots] = /^([<[])([\w-]+)(\.\.)?[>\]]$/.exec(place) ?? [];
  if (bracket === undefined) return [];
  const option = positionals.get(name);
  return [
    {
      name,
      isRequired: bracket === "<",
      isRepeated: dots !== undefined,
      choices: textsOf(option?.choices),
      description: option?.describe ?? "",
    },
  ];
}

function textsOf(choices: Options["choices"]): readonly string[] {
  if (choices === undefined || choices === null) return [];
  return (Array.isArray(choices) ? choices : [choices]).map(String);
}
