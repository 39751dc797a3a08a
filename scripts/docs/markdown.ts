// The command reference as Markdown.
import type { CommandDescription, OptionDescription } from "../../src/cli/describe-command.ts";
import { asSentence, COMMON_GROUP, exampleLine, groupOptions, optionNames, valueName } from "./options.ts";
import type { Reference } from "./reference.ts";

/** Renders docs/commands.md. */
export function renderMarkdown({ commands, settings }: Reference): string {
  const common = commands[0]?.options.filter(({ group }) => group === COMMON_GROUP) ?? [];
  const parts = [
    "# Command reference\n",
    "<!-- Made by `bun run docs` from the commands' definitions. Do not edit. -->\n",
    "Every command also works with the word `tunnel` in front. Options of several letters have one dash (`-lp 4567`,\n" +
      "`-lp=4567`). Durations are written `500ms`, `30s`, `5m`; a bare number has the unit that the option names.\n",
    table(
      ["command", "what it does"],
      commands.map(({ name, summary }) => [`[\`${name}\`](#${name})`, summary]),
    ),
    "## Options of every command\n",
    optionTable(common),
    ...commands.map(renderCommand),
    "## Settings\n",
    "First wins: flag, environment variable, `config.toml`, the platform's own client files.\n",
    table(
      ["setting", "environment variable", "what it is"],
      settings.map(({ description, key, variables }) => [
        `\`${key}\``,
        variables.map((variable) => `\`${variable}\``).join(" "),
        description,
      ]),
    ),
  ];
  return `${parts.join("\n").trimEnd()}\n`;
}

function renderCommand(command: CommandDescription): string {
  const { details, examples, name, positionals, summary, usage } = command;
  const places = positionals.filter(({ description }) => description !== "");
  return [
    `## ${name}\n`,
    `\`runtunnel ${usage} [options]\`\n`,
    `${escapeMarkdown(asSentence(summary))}${details === undefined ? "" : `\n\n${paragraphs(details)}`}\n`,
    ...(places.length === 0
      ? []
      : [
          table(
            ["word", "what it is"],
            places.map((place) => [`\`${place.name}\``, describeChoices(place.description, place.choices)]),
          ),
        ]),
    ...[...groupOptions(command)].map(([group, options]) =>
      group === "Options" ? optionTable(options) : `${group}:\n\n${optionTable(options)}`,
    ),
    // Each needs a state of its own; a test parses them.
    "```sh parse",
    ...examples.map(([line, what]) => `${exampleLine(line)}   # ${what}`),
    "```\n",
  ].join("\n");
}

function paragraphs(text: string): string {
  return text
    .split("\n")
    .map((line) => escapeMarkdown(asSentence(line)))
    .join("\n\n");
}

function optionTable(options: readonly OptionDescription[]): string {
  return table(
    ["option", "what it does"],
    options.map((option) => {
      const value = valueName(option);
      const names = optionNames(option).map((name) => `\`${name}\``);
      return [`${names.join(" ")}${value === undefined ? "" : ` \`${value}\``}`, option.description];
    }),
  );
}

function describeChoices(description: string, choices: readonly string[]): string {
  return choices.length === 0 ? description : `${description}: ${choices.join(", ")}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n");
}

/** A bar ends a cell, also in code. */
function cell(text: string): string {
  return (text.startsWith("`") || text.startsWith("[") ? text : escapeMarkdown(text)).replaceAll("|", "\\|");
}

/** Angle brackets would be taken for HTML, stars for emphasis. */
function escapeMarkdown(text: string): string {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[<>*]/g, "\\$&")))
    .join("`");
}
