// `runtunnel stop [RUN]`.
import type { StopOptions } from "../../tunnel/stop.ts";
import type { Arguments, Command, CommandRun } from "../command.ts";
import { describeAddresses, suggestTunnel, tunnelJson } from "../describe-tunnel.ts";
import { platformOption, readDuration, readPortList, readSwitch, readText, SHORT_NAMES } from "../options.ts";

/** Time for open connections to finish, where the user says nothing. */
const DEFAULT_TIMEOUT_MS = 10_000;

export const stopCommand: Command = {
  usage: "stop [run]",
  toleratesBadSettings: true,
  summary: "Stop tunnels and undo what they configured",
  details: "Without arguments all tunnels of yours. Also cleans up what a crash, a kill or a reboot left.",
  examples: [
    ["$0 stop 56819", "all tunnels to run 56819"],
    ["$0 stop -lp 4567", "the tunnel on local port 4567"],
    ["$0 stop --force", "kill all of mine at once, and still clean up"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("run", { type: "string", describe: "Run id, session, host or tunnel id" })
      .option("local-port", {
        alias: SHORT_NAMES["local-port"],
        type: "string",
        describe: "Local port, range or list of them",
      })
      .option("timeout", {
        alias: SHORT_NAMES.timeout,
        type: "string",
        describe: "Time for open connections to finish; bare number: milliseconds [default: 10s]",
      })
      .option("timeout-stop", {
        alias: SHORT_NAMES["timeout-stop"],
        type: "string",
        describe: "The same; bare number: seconds",
      })
      .option("force", { alias: SHORT_NAMES.force, type: "boolean", describe: "Kill at once, then clean up" })
      .option("ignore-owner", { type: "boolean", describe: "Stop tunnels of other users too" }),
  run,
};

async function run({ arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { stopSelected } = await import("../../tunnel/stop.ts");
  const options = stopOptions(words);
  const stopped = await stopSelected(options, context);
  if (stopped.length === 0 && (options.run !== undefined || options.localPorts !== undefined)) {
    const { listTunnels } = await import("../../tunnel/list.ts");
    const { tunnels } = await listTunnels({}, context);
    if (tunnels.length > 0) context.progress.note(`hint: ${suggestTunnel(options.run, tunnels)}`);
  }
  print({ stopped: stopped.map(({ record, how }) => ({ ...tunnelJson(record), how })) }, () =>
    stopped.length === 0
      ? "No tunnel to stop\n"
      : stopped.map(({ record, how }) => `${record.runName}: ${describeAddresses(record)}, ${WORDS[how]}\n`).join(""),
  );
  return undefined;
}

const WORDS = { stopped: "stopped", killed: "killed", cleaned: "was dead, cleaned up" } as const;

/** Words -> the use case's options. */
export function stopOptions(words: Arguments): StopOptions {
  const run = readText(words, "run");
  const platform = readText(words, "platform");
  const localPorts = readPortList(words, "local-port");
  return {
    ...(run === undefined ? {} : { run }),
    ...(platform === undefined ? {} : { platform }),
    ...(localPorts === undefined ? {} : { localPorts }),
    timeoutMs: readDuration(words, "timeout", "ms") ?? readDuration(words, "timeout-stop", "s") ?? DEFAULT_TIMEOUT_MS,
    force: readSwitch(words, "force"),
    ignoreOwner: readSwitch(words, "ignore-owner"),
  };
}
