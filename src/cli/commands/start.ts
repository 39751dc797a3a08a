// `runtunnel start RUN`.
import type { Argv } from "yargs";
import { formatDuration } from "../../domain/duration.ts";
import type { TunnelView } from "../../tunnel/list.ts";
import type { Arguments, Command, CommandRun } from "../command.ts";
import { describeAddresses, tunnelJson } from "../describe-tunnel.ts";
import { platformOption, SHORT_NAMES } from "../options.ts";
import { probeOptions, reachOptions } from "../reach-options.ts";
import { startOptions } from "../start-options.ts";

export const startCommand: Command = {
  usage: "start [run]",
  summary: "Open a tunnel to a run",
  details:
    "Returns when the remote port was really reached; the tunnel goes on in the background. RUN is a Cloud Pipeline run (56819, pipeline-56819), a Backend.AI session, or a host. Without RUN, a terminal offers your runs to choose from.",
  examples: [
    ["$0 start 56819 -lp 4567 -rp 22", "SSH of run 56819 on local port 4567"],
    ["$0 start 56819 -lp 4567 -rp 22 --ssh", "the same, with passwordless SSH: ssh pipeline-56819"],
    ["$0 start 56819 -lp 8000-8002 -rp 8888-8890", "three ports at once"],
    ["$0 start 10.244.1.2 -lp 5432 --proxy http://proxy.example:3128", "a database behind an HTTP proxy"],
    ["$0 start 56819 -rp 22 -lp 0 --json", "any free local port, told as JSON"],
    ["$0 start", "choose one of your runs from a list"],
  ],
  options: (yargs) => probeOptions(conflictOptions(sshOptions(reachOptions(portOptions(platformOption(yargs)))))),
  run,
};

function portOptions(yargs: Argv): Argv {
  const group = "Tunnel:";
  return yargs
    .positional("run", { type: "string", describe: "Run id, session or host" })
    .option("local-port", {
      alias: SHORT_NAMES["local-port"],
      type: "string",
      describe: "Local port or range; 0: any free one",
      group,
    })
    .option("remote-port", {
      alias: SHORT_NAMES["remote-port"],
      type: "string",
      describe: "Remote port or range",
      group,
    })
    .option("preferred-port", { type: "string", describe: "Local port to use if it is free, else any free one", group })
    .option("listen-address", { type: "string", describe: "Local address [default: 127.0.0.1]", group })
    .option("foreground", { alias: SHORT_NAMES.foreground, type: "boolean", describe: "Stay in the foreground", group })
    .option("timeout", {
      alias: SHORT_NAMES.timeout,
      type: "string",
      describe: "Time for the tunnel to come up; bare number: milliseconds [default: 5m]",
      group,
    })
    .option("wait-for", { type: "string", choices: ["remote"], describe: "Fail unless the remote port answers", group })
    .option("log-file", {
      alias: SHORT_NAMES["log-file"],
      type: "string",
      describe: "Log of the background process",
      group,
    });
}

function sshOptions(yargs: Argv): Argv {
  const group = "Passwordless SSH:";
  return yargs
    .option("ssh", { alias: SHORT_NAMES.ssh, type: "boolean", describe: "Set up passwordless SSH", group })
    .option("ssh-path", { alias: SHORT_NAMES["ssh-path"], type: "string", describe: "The .ssh folder", group })
    .option("ssh-host", {
      alias: SHORT_NAMES["ssh-host"],
      type: "string",
      describe: "Alias [default: pipeline-RUN]",
      group,
    })
    .option("ssh-user", { alias: SHORT_NAMES["ssh-user"], type: "string", describe: "Account (repeatable)", group })
    .option("ssh-keep", {
      alias: SHORT_NAMES["ssh-keep"],
      type: "boolean",
      describe: "Keep the configuration after stop",
      group,
    })
    .option("identity", { alias: SHORT_NAMES.identity, type: "string", describe: "Use this private key", group });
}

function conflictOptions(yargs: Argv): Argv {
  const group = "Existing tunnels:";
  return yargs
    .option("keep-existing", {
      alias: SHORT_NAMES["keep-existing"],
      type: "boolean",
      describe: "Use any tunnel on these ports",
      group,
    })
    .option("keep-same", { alias: SHORT_NAMES["keep-same"], type: "boolean", describe: "Use the same tunnel", group })
    .option("replace-existing", {
      alias: SHORT_NAMES["replace-existing"],
      type: "boolean",
      describe: "Replace any tunnel",
      group,
    })
    .option("replace-different", {
      alias: SHORT_NAMES["replace-different"],
      type: "boolean",
      describe: "Replace a different tunnel",
      group,
    })
    .option("ignore-existing", { type: "boolean", describe: "Do not look for tunnels on these ports", group })
    .option("ignore-owner", { type: "boolean", describe: "Replace tunnels of other users too", group })
    .option("timeout-stop", {
      alias: SHORT_NAMES["timeout-stop"],
      type: "string",
      describe: "Time to stop a replaced tunnel; bare number: seconds [default: 10s]",
      group,
    });
}

async function run(call: CommandRun): Promise<number> {
  const { world, settings, context, print } = call;
  const { startTunnel } = await import("../../tunnel/start.ts");
  const words = await withRun(call);
  const options = startOptions(words, settings, world.workingFolder, world.homeFolder);
  const started = (record: TunnelView, tookMs: number, word: string): void => {
    for (const warning of record.warnings) context.progress.note(`warning: ${warning}`);
    print(
      { ...tunnelJson(record), result: word === "kept" ? "kept" : "started", tookMs: Math.round(tookMs) },
      () =>
        `${record.runName}: ${describeAddresses(record)}, PID ${record.process?.pid ?? "-"}, ${word === "kept" ? "already up" : `up in ${formatDuration(tookMs)}`}\n${sshLine(record)}`,
    );
  };
  const result = await startTunnel(options, context, (record, tookMs) => started(record, tookMs, "started"));
  switch (result.kind) {
    case "started":
      started(result.record, result.tookMs, "started");
      return 0;
    case "kept":
      started(result.record, 0, "kept");
      return 0;
    case "served":
      context.progress.note(result.end.message);
      return result.end.reason === "run-over" ? 6 : 0;
  }
}

/** The words with a run: where none is given and somebody watches, a chosen one. */
async function withRun({ world, arguments: words, context }: CommandRun): Promise<Arguments> {
  if (words["run"] !== undefined || world.prompts === undefined) return words;
  const { chooseRun } = await import("../choose-run.ts");
  return chooseRun(words, world.prompts, context);
}

/** The next command to type, where SSH is set up. */
function sshLine(record: TunnelView): string {
  if (record.ssh === undefined) return "";
  const { alias, clients, users } = record.ssh;
  const names = clients.length === 0 ? "" : `  (${clients.join(" and ")} know it; user ${users[0]})`;
  return `Connect with: ssh ${alias}${names}\n`;
}
