// `runtunnel proxy RUN PORT`.
import { parseDuration } from "../../domain/duration.ts";
import { UsageError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { parseWholeNumber, platformOption, readSwitch, readText, SHORT_NAMES } from "../options.ts";

export const proxyCommand: Command = {
  usage: "proxy <run> <port>",
  summary: "Join standard input and output to a port of a run",
  details: "Opens no local port. Made for OpenSSH's ProxyCommand and for pipes.",
  examples: [
    ['ssh -o ProxyCommand="$0 proxy 56819 22" root@56819', "SSH without a tunnel"],
    ["$0 proxy 10.244.1.2 6379 < commands.txt", "send a file to a database"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("run", { type: "string", describe: "Run id, session or host" })
      .positional("port", { type: "string", describe: "Remote port" })
      .option("connection-timeout", {
        alias: SHORT_NAMES["connection-timeout"],
        type: "string",
        describe: "Time for one dial; bare number: seconds [default: 10s]",
      })
      .option("retries", { alias: SHORT_NAMES.retries, type: "string", describe: "Tries per dial [default: 10]" })
      .option("direct", { alias: SHORT_NAMES.direct, type: "boolean", describe: "Without the platform's proxy" })
      .option("region", { alias: SHORT_NAMES.region, type: "string", describe: "Region of the platform's proxy" })
      .option("user", { alias: SHORT_NAMES.user, type: "string", describe: "Act as another user (administrators)" })
      .option("app", { type: "string", describe: "Service of a Backend.AI session" }),
  run,
};

async function run({ world, arguments: words, settings, context }: CommandRun): Promise<undefined> {
  const { proxyPort } = await import("../../tunnel/proxy.ts");
  const name = readText(words, "run");
  const port = readText(words, "port");
  if (name === undefined || port === undefined) throw new UsageError("A run and a port are needed");
  const platform = readText(words, "platform");
  const region = readText(words, "region");
  const actAs = readText(words, "user");
  const app = readText(words, "app");
  const timeout = settings.find("connection-timeout")?.value;
  await proxyPort(
    {
      run: name,
      port: parseWholeNumber(port, "the port", 1, 65_535),
      direct: readSwitch(words, "direct"),
      connectTimeoutMs: parseDuration(timeout ?? "10s", "--connection-timeout", "s"),
      retries: parseWholeNumber(settings.find("retries")?.value ?? "10", "--retries", 1, 1000),
      holdMs: 10_000,
      ...(platform === undefined ? {} : { platform }),
      ...(region === undefined ? {} : { region }),
      ...(actAs === undefined ? {} : { actAs }),
      ...(app === undefined ? {} : { app }),
    },
    world.openStdio(),
    context,
  );
  return undefined;
}
