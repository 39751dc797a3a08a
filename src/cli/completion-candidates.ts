// What may come next in a command line, from the commands' own definitions. Pure; what is there to be named is given.

import { LOG_LEVELS } from "../domain/log.ts";
import type { CommandDescription, OptionDescription } from "./describe-command.ts";

/** One word that may come next. */
export type Candidate = { readonly value: string; readonly description?: string };

/** The words that may come next; `files`: the shell offers files as well. */
export type Completion = { readonly candidates: readonly Candidate[]; readonly files: boolean };

/** Names of things that exist now. */
export type Names = {
  /** Runs that were listed last. */
  readonly runs: readonly Candidate[];
  /** Runs with a tunnel. */
  readonly tunnels: readonly Candidate[];
  readonly localPorts: readonly Candidate[];
  readonly profiles: readonly string[];
  readonly platforms: readonly string[];
};

/** Commands whose run is one that has a tunnel. */
const TUNNEL_COMMANDS = ["stop", "status", "logs"];

/** Options whose value is a file or a folder. */
const FILE_OPTIONS = ["identity", "log-file", "output", "config", "file", "filezilla", "ssh-path", "ca-file"];

/** Places of commands that are files. */
const FILE_PLACES = ["file", "files"];

/** States as `runs --state` takes them. */
const STATES = ["ready", "waiting", "paused", "closed", "ended"];

const HELP: OptionDescription = {
  name: "help",
  short: "h",
  takesValue: false,
  choices: [],
  description: "Show help",
  group: "Common",
};

const NOTHING: Completion = { candidates: [], files: false };

/** Completes the last of these words, which may be empty. The program's own name is not among them. */
export function completeWords(
  words: readonly string[],
  commands: readonly CommandDescription[],
  names: Names,
): Completion {
  const typed = words[0] === "tunnel" && words.length > 1 ? words.slice(1) : words;
  const current = typed.at(-1) ?? "";
  const before = typed.slice(0, -1);
  // Behind -- are another program's words.
  if (before.includes("--")) return { candidates: [], files: true };
  const [name] = before;
  if (name === undefined) return matching(firstWords(commands), current);
  const command = commands.find((candidate) => candidate.name === name);
  return command === undefined ? NOTHING : completeCommand(command, before.slice(1), current, names);
}

function firstWords(commands: readonly CommandDescription[]): readonly Candidate[] {
  return [
    ...commands.map(({ name, summary }) => ({ value: name, description: summary })),
    { value: "--help", description: "Show help" },
    { value: "--version", description: "Show version number" },
  ];
}

function completeCommand(
  command: CommandDescription,
  before: readonly string[],
  current: string,
  names: Names,
): Completion {
  const options = [...command.options, HELP];
  const assigned = /^(--?[\w-]+)=(.*)$/s.exec(current);
  if (assigned !== null) {
    const [, flag = "", value = ""] = assigned;
    const option = findOption(options, flag);
    if (option?.takesValue !== true) return NOTHING;
    const { candidates, files } = completeValue(option, value, command, names);
    return { candidates: candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })), files };
  }
  const last = before.at(-1);
  const pending = last?.startsWith("-") === true && !last.includes("=") ? findOption(options, last) : undefined;
  if (pending?.takesValue === true) return completeValue(pending, current, command, names);
  if (current.startsWith("-")) return matching(optionWords(options, before, current), current);
  return completePlace(command, placesTaken(before, options), current, names);
}

function findOption(options: readonly OptionDescription[], flag: string): OptionDescription | undefined {
  const name = flag.replace(/^--?/, "");
  return options.find((option) => option.name === name || option.short === name);
}

/** Long names; short ones too where one dash alone is typed. An option that is there already is not offered again. */
function optionWords(
  options: readonly OptionDescription[],
  before: readonly string[],
  current: string,
): readonly Candidate[] {
  const given = before
    .filter((word) => word.startsWith("-"))
    .map((word) => findOption(options, word.split("=")[0] ?? ""));
  const left = options.filter((option) => !given.includes(option) || option.name === "ssh-user");
  return left.flatMap(({ description, name, short }) => [
    ...(current.startsWith("--") || short === undefined ? [] : [{ value: `-${short}`, description }]),
    { value: `--${name}`, description },
  ]);
}

/** How many words by place come before: options and their values are none. */
function placesTaken(before: readonly string[], options: readonly OptionDescription[]): number {
  let taken = 0;
  for (let index = 0; index < before.length; index += 1) {
    const word = before[index] ?? "";
    if (!word.startsWith("-")) taken += 1;
    else if (!word.includes("=") && findOption(options, word)?.takesValue === true) index += 1;
  }
  return taken;
}

function completeValue(
  option: OptionDescription,
  current: string,
  command: CommandDescription,
  names: Names,
): Completion {
  if (option.choices.length > 0) return matching(option.choices.map(asCandidate), current);
  if (FILE_OPTIONS.includes(option.name)) return { candidates: [], files: true };
  switch (option.name) {
    case "local-port":
      return TUNNEL_COMMANDS.includes(command.name) ? matching(names.localPorts, current) : NOTHING;
    case "platform":
      return matching(names.platforms.map(asCandidate), current);
    case "profile":
      return matching(names.profiles.map(asCandidate), current);
    case "log-level":
      return matching(LOG_LEVELS.map(asCandidate), current);
    case "state":
      return matching(STATES.map(asCandidate), current);
    default:
      return NOTHING;
  }
}

function completePlace(command: CommandDescription, taken: number, current: string, names: Names): Completion {
  const literal = command.literals[taken];
  if (literal !== undefined) return matching([{ value: literal }], current);
  const at = taken - command.literals.length;
  const place = command.positionals[at] ?? command.positionals.findLast(({ isRepeated }) => isRepeated);
  if (place === undefined) return NOTHING;
  if (place.choices.length > 0) return matching(place.choices.map(asCandidate), current);
  if (FILE_PLACES.includes(place.name)) return { candidates: [], files: true };
  if (place.name === "run") return matching(runsFor(command, names), current);
  if (command.name === "key" && place.name === "what") {
    return matching([{ value: "convert" }, { value: "upload" }, ...runsFor(command, names)], current);
  }
  return NOTHING;
}

function runsFor(command: CommandDescription, names: Names): readonly Candidate[] {
  if (TUNNEL_COMMANDS.includes(command.name)) return names.tunnels;
  const known = new Set(names.runs.map(({ value }) => value));
  return [...names.runs, ...names.tunnels.filter(({ value }) => !known.has(value))];
}

function asCandidate(value: string): Candidate {
  return { value };
}

function matching(candidates: readonly Candidate[], current: string): Completion {
  return { candidates: candidates.filter(({ value }) => value.startsWith(current)), files: false };
}
