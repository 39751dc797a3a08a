// The manual page runtunnel(1), in the macros that every man knows (groff_man(7)).
import type { CommandDescription, OptionDescription } from "../../src/cli/describe-command.ts";
import { asSentence, COMMON_GROUP, exampleLine, groupOptions, optionNames, valueName } from "./options.ts";
import type { Reference } from "./reference.ts";

/** As linters of manual pages want it. */
const MAX_LINE = 78;

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ["0", "Success, also when there was nothing to do."],
  ["1", "This machine refused, or a bug."],
  ["2", "The command line or a configuration file says something that cannot be done."],
  ["3", "Something already holds what was asked for."],
  ["4", "Credentials are missing, expired or refused."],
  ["5", "The run, tunnel or file that was named does not exist."],
  ["6", "Something on the way cannot be reached, or did not answer in time."],
  ["130", "Interrupted."],
];

const FILES: readonly (readonly [string, string])[] = [
  ["~/.config/runtunnel/config.toml", "Settings and profiles; written by init. Holds secrets."],
  ["~/.config/runtunnel/service.toml", "The tunnels that a service keeps up."],
  ["~/.local/state/runtunnel/", "Records and logs of tunnels."],
  ["~/.pipe/config.json, ~/.backend.ai/", "What the platforms' own clients are configured with; only read."],
];

/** Renders docs/runtunnel.1 with this date (YYYY-MM-DD). */
export function renderManual({ commands, settings, version }: Reference, date: string): string {
  const common = commands[0]?.options.filter(({ group }) => group === COMMON_GROUP) ?? [];
  const lines = [
    '.\\" Made by "bun run docs" from the definitions of the commands. Do not edit.',
    `.TH RUNTUNNEL 1 ${date} "runtunnel ${version}" "User Commands"`,
    ".SH NAME",
    "runtunnel \\- TCP access to remote compute runs",
    ".SH SYNOPSIS",
    ".B runtunnel",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    ...text(
      "Gives a workstation TCP access to runs of Cloud Pipeline, sessions of Backend.AI and plain hosts, through tunnels that work in the background: SSH, SFTP, notebooks, databases, anything. Every command also works with the word tunnel in front.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(renderCommand),
    ".SH OPTIONS OF EVERY COMMAND",
    ...common.flatMap(renderOption),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, what]) => [".TP", `.B ${code}`, ...text(what)]),
    ".SH ENVIRONMENT",
    ...text("First wins: option, environment variable, configuration file, the files of the platform's own client."),
    ...settings.flatMap(({ description, variables }) => [
      ".TP",
      `.B ${quote(variables.join(", "))}`,
      ...text(asSentence(description)),
    ]),
    ".TP",
    '.B "RUNTUNNEL_CONFIG_DIR, RUNTUNNEL_STATE_DIR"',
    "Folders of settings, and of records and logs.",
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => [".TP", `.I ${quote(path)}`, ...text(what)]),
    ".SH SEE ALSO",
    ".BR ssh (1),",
    ".BR scp (1),",
    ".BR sftp (1),",
    ".BR ssh_config (5)",
  ];
  return `${lines.join("\n")}\n`;
}

function renderCommand(command: CommandDescription): readonly string[] {
  const { details, examples, positionals, summary, usage } = command;
  return [
    `.SS ${quote(`runtunnel ${usage} [options]`)}`,
    ...text(asSentence(summary)),
    ...(details ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => [".PP", ...text(asSentence(line))]),
    ...positionals.flatMap(({ choices, description, name }) =>
      description === ""
        ? []
        : [
            ".TP",
            `.I ${quote(name)}`,
            ...text(asSentence(choices.length === 0 ? description : `${description}: ${choices.join(", ")}`)),
          ],
    ),
    ...[...groupOptions(command).values()].flat().flatMap(renderOption),
    ".PP",
    examples.length === 1 ? "Example:" : "Examples:",
    ".PP",
    ".RS 4",
    ".nf",
    ...examples.map(([line]) => guard(exampleLine(line))),
    ".fi",
    ".RE",
  ];
}

function renderOption(option: OptionDescription): readonly string[] {
  const names = optionNames(option).map((name) => `\\fB${escapeRoff(name)}\\fR`);
  const value = valueName(option);
  const shown = value === undefined ? "" : ` \\fI${escapeRoff(value)}\\fR`;
  return [".TP", `${names.join(", ")}${shown}`, ...text(asSentence(option.description))];
}

/** Running text: each sentence begins a line, as manual pages want it, and no line is longer than a terminal. */
function text(words: string): readonly string[] {
  return words
    .replaceAll("`", "")
    .split(/(?<=[.!?]) (?=[A-Z])/)
    .flatMap((sentence) => wrap(sentence))
    .map(guard);
}

/** Breaks at blanks; escapes count with their full length. */
function wrap(sentence: string): readonly string[] {
  const lines: string[] = [];
  for (const word of sentence.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && escapeRoff(`${last} ${word}`).length <= MAX_LINE)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A line that begins with a dot or an apostrophe would be a macro. */
function guard(line: string): string {
  const escaped = escapeRoff(line);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Backslashes are the escapes of the language, dashes and quotes must stay what they are when pasted. */
function escapeRoff(line: string): string {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("`", "\\(ga");
}

/** One argument of a macro. */
function quote(words: string): string {
  return `"${escapeRoff(words).replaceAll('"', "\\(dq")}"`;
}
