// `runtunnel completion SHELL`.
import { UsageError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { completionScript, SET_UP, SHELLS } from "../completion-scripts.ts";
import { readText } from "../options.ts";

export const completionCommand: Command = {
  usage: "completion <shell>",
  summary: "Print the script that completes commands, options, runs and ports with Tab",
  details: SHELLS.map((shell) => `${shell}: ${SET_UP[shell]}`).join("\n"),
  examples: [
    ['eval "$($0 completion bash)"', "in ~/.bashrc"],
    ["$0 completion fish > ~/.config/fish/completions/runtunnel.fish", "once, for fish"],
  ],
  options: (yargs) =>
    yargs.positional("shell", { type: "string", choices: SHELLS, describe: "Shell that the script is for" }),
  run,
};

async function run({ arguments: words, world }: CommandRun): Promise<undefined> {
  const shell = SHELLS.find((known) => known === readText(words, "shell"));
  if (shell === undefined) throw new UsageError("No shell is given", { hint: `Shells are: ${SHELLS.join(", ")}` });
  world.stdout.write(completionScript(shell));
  return undefined;
}
