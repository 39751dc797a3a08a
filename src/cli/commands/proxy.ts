// `runtunnel proxy RUN PORT`.
import { InterruptedError, LocalError, UsageError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { parseWholeNumber, platformOption, readText } from "../options.ts";
import { reachOptions, reachSpec } from "../reach-options.ts";

export const proxyCommand: Command = {
  usage: "proxy <run> <port>",
  summary: "Join standard input and output to a port of a run",
  details: "Opens no local port. Made for OpenSSH's ProxyCommand and for pipes.",
  examples: [
    ['ssh -o ProxyCommand="$0 proxy 56819 22" root@56819', "SSH without a tunnel"],
    ["$0 proxy 10.244.1.2 6379 < commands.txt", "send a file to a database"],
  ],
  options: (yargs) =>
    reachOptions(platformOption(yargs))
      .positional("run", { type: "string", describe: "Run id, session or host" })
      .positional("port", { type: "string", describe: "Remote port" }),
  run,
};

async function run({ world, arguments: words, settings, context }: CommandRun): Promise<number> {
  const { proxyPort } = await import("../../tunnel/proxy.ts");
  const name = readText(words, "run");
  const port = readText(words, "port");
  if (name === undefined || port === undefined) throw new UsageError("A run and a port are needed");
  const platform = readText(words, "platform");
  const stdio = world.openStdio();
  const ended = proxyPort(
    {
      ...reachSpec(words, settings, world.workingFolder, world.homeFolder),
      run: name,
      port: parseWholeNumber(port, "the port", 1, 65_535),
      ...(platform === undefined ? {} : { platform }),
    },
    stdio,
    context,
  );
  return ended.then(
    () => {
      const cause = stdio.failure;
      if (cause === undefined) return 0;
      throw new LocalError(`Cannot write to the standard output: ${cause.message}`, { code: "output-failed", cause });
    },
    (error: unknown) => {
      // OpenSSH ends its ProxyCommand with SIGHUP at the end of every session: nothing to tell anybody about.
      if (error instanceof InterruptedError) return error.exitCode;
      throw error;
    },
  );
}
