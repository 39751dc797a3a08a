// `runtunnel logs RUN`.
import { UsageError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { parseWholeNumber, platformOption, readSwitch, readText } from "../options.ts";
import { whileRead } from "../while-read.ts";

const DEFAULT_LINES = "100";

export const logsCommand: Command = {
  usage: "logs <run>",
  toleratesBadSettings: true,
  summary: "Show the log of a tunnel",
  details: "Also works for a tunnel that has ended: its last log is kept.",
  examples: [
    ["$0 logs 56819", "the last 100 lines"],
    ["$0 logs 56819 --follow", "and what comes from now on"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("run", { type: "string", describe: "Run id, session, host or tunnel id" })
      .option("lines", { alias: "n", type: "string", describe: "Lines from the end [default: 100]" })
      .option("follow", { type: "boolean", describe: "Go on until Ctrl+C" }),
  run,
};

async function run({ world, arguments: words, context }: CommandRun): Promise<undefined> {
  const { showLogs } = await import("../../tunnel/logs.ts");
  const name = readText(words, "run");
  if (name === undefined) throw new UsageError("No run is given");
  const platform = readText(words, "platform");
  const options = {
    run: name,
    ...(platform === undefined ? {} : { platform }),
    lines: parseWholeNumber(readText(words, "lines") ?? DEFAULT_LINES, "--lines", 0, 1_000_000),
    follow: readSwitch(words, "follow"),
  };
  await showLogs(options, whileRead(context, world.stdout), (text) => world.stdout.write(text));
  return undefined;
}
