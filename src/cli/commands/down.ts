// `runtunnel down [FILE]`.
import type { Command, CommandRun } from "../command.ts";
import { describeAddresses, tunnelJson } from "../describe-tunnel.ts";
import { readDuration, readSwitch, SHORT_NAMES } from "../options.ts";
import { fileArgument, readProject } from "./up.ts";

/** Time for open connections to finish, where the user says nothing. */
const DEFAULT_TIMEOUT_MS = 10_000;

const WORDS = { stopped: "stopped", killed: "killed", cleaned: "was dead, cleaned up" } as const;

export const downCommand: Command = {
  usage: "down [file]",
  summary: "Stop the tunnels of a project file",
  examples: [
    ["$0 down", "those of runtunnel.toml in this folder"],
    ["$0 down --force", "kill them at once, and still clean up"],
  ],
  options: (yargs) =>
    fileArgument(yargs)
      .option("timeout", {
        alias: SHORT_NAMES.timeout,
        type: "string",
        describe: "Time for open connections to finish; bare number: milliseconds [default: 10s]",
      })
      .option("force", { alias: SHORT_NAMES.force, type: "boolean", describe: "Kill at once, then clean up" }),
  run,
};

async function run(command: CommandRun): Promise<number> {
  const { bringDown } = await import("../../tunnel/project/project-apply.ts");
  const { arguments: words, context, print } = command;
  const timeoutMs = readDuration(words, "timeout", "ms") ?? DEFAULT_TIMEOUT_MS;
  const stopped = await bringDown(
    await readProject(command),
    { timeoutMs, force: readSwitch(words, "force") },
    context,
  );
  print({ stopped: stopped.map(({ how, record }) => ({ ...tunnelJson(record), how })) }, () =>
    stopped.length === 0
      ? "No tunnel to stop\n"
      : stopped.map(({ how, record }) => `${record.runName}: ${describeAddresses(record)}, ${WORDS[how]}\n`).join(""),
  );
  return 0;
}
