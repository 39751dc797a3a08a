// `runtunnel up [FILE]`, `runtunnel diff [FILE]`, `runtunnel down [FILE]`: their shared reader, and `up`.
import type { Argv } from "yargs";
import { AppError, errorMessage } from "../../domain/errors.ts";
import type { Project } from "../../tunnel/project/project.ts";
import type { Outcome } from "../../tunnel/project/project-apply.ts";
import type { Command, CommandRun } from "../command.ts";
import { describeAddresses, tunnelJson } from "../describe-tunnel.ts";
import { loadProject } from "../load-project.ts";
import { readText, resolveUserPath } from "../options.ts";

/** The project file where none is named: the one in the working folder, since the user's own command asks for it. */
const DEFAULT_FILE = "runtunnel.toml";

export const upCommand: Command = {
  usage: "up [file]",
  summary: "Bring the machine to a project file: start, restart and stop tunnels as it says",
  details:
    "FILE has a table [[tunnel]] for each tunnel, with the long options of start as fields. It holds no secrets.",
  examples: [
    ["$0 up", "runtunnel.toml in this folder"],
    ["$0 up ~/work/cluster.toml", "another file"],
  ],
  options: fileArgument,
  run,
};

/** The argument that names the file. */
export function fileArgument(yargs: Argv): Argv {
  return yargs.positional("file", { type: "string", describe: "Project file [default: runtunnel.toml]" });
}

/** Reads the project file that a command names. */
export async function readProject({ arguments: words, configuration, context, world }: CommandRun): Promise<Project> {
  const { readProjectSource } = await import("../../tunnel/project/project-source.ts");
  const named = readText(words, "file") ?? DEFAULT_FILE;
  const path = resolveUserPath(named, world.workingFolder, world.homeFolder);
  return loadProject(await readProjectSource(path, context), configuration, world);
}

async function run(command: CommandRun): Promise<number> {
  const { bringUp } = await import("../../tunnel/project/project-apply.ts");
  const outcomes = await bringUp(await readProject(command), command.context);
  command.print({ tunnels: outcomes.map(outcomeJson) }, () => outcomes.map(renderOutcome).join(""));
  const failed = outcomes.find((outcome) => outcome.kind === "failed");
  if (failed === undefined) return 0;
  return failed.error instanceof AppError ? failed.error.exitCode : 1;
}

function renderOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case "failed": {
      const hint = outcome.error instanceof AppError ? outcome.error.hint : undefined;
      return `${outcome.entry}: failed: ${errorMessage(outcome.error)}${hint === undefined ? "" : `\n  hint: ${hint}`}\n`;
    }
    case "kept":
    case "removed":
    case "replaced":
    case "started":
      return `${outcome.entry}: ${WORDS[outcome.kind]}, ${outcome.record.runName}, ${describeAddresses(outcome.record)}\n`;
  }
}

const WORDS = { kept: "already up", started: "up", replaced: "up, restarted", removed: "stopped" } as const;

function outcomeJson(outcome: Outcome): Readonly<Record<string, unknown>> {
  const { entry, kind } = outcome;
  if (kind !== "failed") return { entry, result: kind, tunnel: tunnelJson(outcome.record) };
  const known = outcome.error instanceof AppError ? outcome.error : undefined;
  return {
    entry,
    result: kind,
    error: {
      code: known?.code ?? "internal",
      hop: known?.hop ?? null,
      message: errorMessage(outcome.error),
      hint: known?.hint ?? null,
      exitCode: known?.exitCode ?? 1,
    },
  };
}
