// `runtunnel start RUN`.
import type { Argv } from "yargs";
import type { ConflictFlags } from "../../domain/conflict.ts";
import { formatDuration, isBareNumber, parseDuration } from "../../domain/duration.ts";
import { UsageError } from "../../domain/errors.ts";
import { pairPorts } from "../../domain/ports.ts";
import type { Settings } from "../../domain/setting.ts";
import type { StartOptions } from "../../tunnel/start.ts";
import type { Arguments, Command, CommandRun } from "../command.ts";
import { describeAddresses, tunnelJson } from "../describe-tunnel.ts";
import {
  parseWholeNumber,
  platformOption,
  readDuration,
  readPorts,
  readSwitch,
  readText,
  readTexts,
  resolveUserPath,
  SHORT_NAMES,
} from "../options.ts";

/** Time for one dial: a healthy path answers in well under a second, a lost packet costs one to three. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_START_TIMEOUT_MS = 5 * 60_000;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = "10";
/** VS Code gives a connection 15 s; what is held longer is lost anyway. */
const DEFAULT_HOLD_MS = 10_000;
/** A bare `--timeout` below this was probably meant in seconds. */
const SUSPICIOUS_TIMEOUT_MS = 1000;

export const startCommand: Command = {
  usage: "start <run>",
  summary: "Open a tunnel to a run",
  details:
    "Returns when the remote port was really reached; the tunnel goes on in the background. RUN is a Cloud Pipeline run (56819, pipeline-56819), a Backend.AI session, or a host.",
  examples: [
    ["$0 start 56819 -lp 4567 -rp 22", "SSH of run 56819 on local port 4567"],
    ["$0 start 56819 -lp 4567 -rp 22 --ssh", "the same, with passwordless SSH: ssh pipeline-56819"],
    ["$0 start 56819 -lp 8000-8002 -rp 8888-8890", "three ports at once"],
    ["$0 start 10.244.1.2 -lp 5432 --proxy http://proxy.example:3128", "a database behind an HTTP proxy"],
    ["$0 start 56819 -rp 22 -lp 0 --json", "any free local port, told as JSON"],
  ],
  options: (yargs) => conflictOptions(sshOptions(portOptions(platformOption(yargs)))),
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
    .option("connection-timeout", {
      alias: SHORT_NAMES["connection-timeout"],
      type: "string",
      describe: "Time for one dial; bare number: seconds [default: 10s]",
      group,
    })
    .option("retries", {
      alias: SHORT_NAMES.retries,
      type: "string",
      describe: "Tries per dial and API call [default: 10]",
      group,
    })
    .option("direct", { alias: SHORT_NAMES.direct, type: "boolean", describe: "Without the platform's proxy", group })
    .option("region", { alias: SHORT_NAMES.region, type: "string", describe: "Region of the platform's proxy", group })
    .option("user", {
      alias: SHORT_NAMES.user,
      type: "string",
      describe: "Act as another user (administrators)",
      group,
    })
    .option("app", { type: "string", describe: "Service of a Backend.AI session [default: sshd]", group })
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

async function run({ world, arguments: words, settings, context, print }: CommandRun): Promise<number> {
  const { startTunnel } = await import("../../tunnel/start.ts");
  const options = startOptions(words, settings, world.workingFolder, world.homeFolder);
  const timeout = readText(words, "timeout");
  if (timeout !== undefined && isBareNumber(timeout) && options.timeoutMs < SUSPICIOUS_TIMEOUT_MS) {
    context.progress.note(`hint: --timeout ${timeout} means ${timeout} milliseconds; write ${timeout}s for seconds`);
  }
  const started = (record: Parameters<typeof tunnelJson>[0], tookMs: number, word: string): void => {
    for (const warning of record.warnings) context.progress.note(`warning: ${warning}`);
    print(
      { ...tunnelJson(record), result: word === "kept" ? "kept" : "started", tookMs: Math.round(tookMs) },
      () =>
        `${record.runName}: ${describeAddresses(record)}, PID ${record.process?.pid ?? "-"}, ${word === "kept" ? "already up" : `up in ${formatDuration(tookMs)}`}\n`,
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

/** Words and settings -> the use case's options. */
export function startOptions(
  words: Arguments,
  settings: Settings,
  workingFolder: string,
  homeFolder: string,
): StartOptions {
  const path = (name: string): string | undefined => {
    const text = readText(words, name);
    return text === undefined ? undefined : resolveUserPath(text, workingFolder, homeFolder);
  };
  const runName = readText(words, "run");
  if (runName === undefined)
    throw new UsageError("No run is given", { hint: "Example: runtunnel start 56819 -lp 4567 -rp 22" });
  const platform = readText(words, "platform");
  const logFile = path("log-file");
  const identity = path("identity");
  const conflict = readSwitch(words, "ignore-existing") ? undefined : conflictFlags(words);
  const optional = {
    region: readText(words, "region"),
    actAs: readText(words, "user"),
    app: readText(words, "app"),
  };
  const ssh = sshSpec(words, settings, workingFolder, homeFolder);
  return {
    run: runName,
    ...(platform === undefined ? {} : { platform }),
    spec: {
      ...wantedPorts(words, settings),
      listenAddress: settings.find("listen-address")?.value ?? "127.0.0.1",
      direct: readSwitch(words, "direct"),
      ...dropUndefined(optional),
      ...(identity === undefined ? {} : { identity }),
      ...(ssh === undefined ? {} : { ssh }),
      connectTimeoutMs: connectTimeoutMs(settings),
      retries: parseWholeNumber(settings.find("retries")?.value ?? DEFAULT_RETRIES, "--retries", 1, 1000),
      holdMs: DEFAULT_HOLD_MS,
      waitForRemote: readText(words, "wait-for") === "remote",
    },
    ...(conflict === undefined ? {} : { conflict }),
    timeoutMs: readDuration(words, "timeout", "ms") ?? DEFAULT_START_TIMEOUT_MS,
    stopTimeoutMs: readDuration(words, "timeout-stop", "s") ?? DEFAULT_STOP_TIMEOUT_MS,
    foreground: readSwitch(words, "foreground"),
    ...(logFile === undefined ? {} : { logFile }),
  };
}

function wantedPorts(words: Arguments, settings: Settings): Pick<StartOptions["spec"], "ports" | "portFallback"> {
  const local = readPorts(words, "local-port");
  const remote = readPorts(words, "remote-port");
  const preferred = settings.find("preferred-port");
  if (preferred === undefined || local !== undefined) return { ports: pairPorts(local, remote), portFallback: false };
  const port = parseWholeNumber(preferred.value, "--preferred-port", 1, 65_535);
  const wanted = (remote ?? [port]).map((_, index) => port + index);
  return { ports: pairPorts(wanted, remote), portFallback: true };
}

function connectTimeoutMs(settings: Settings): number {
  const text = settings.find("connection-timeout")?.value;
  const ms = text === undefined ? 0 : parseDuration(text, "--connection-timeout", "s");
  // 0 means "none" to users of `pipe`; a dial without any end would hold the line for minutes.
  return ms === 0 ? DEFAULT_CONNECT_TIMEOUT_MS : ms;
}

function conflictFlags(words: Arguments): ConflictFlags {
  return {
    keepExisting: readSwitch(words, "keep-existing"),
    keepSame: readSwitch(words, "keep-same"),
    replaceExisting: readSwitch(words, "replace-existing"),
    replaceDifferent: readSwitch(words, "replace-different"),
    ignoreOwner: readSwitch(words, "ignore-owner"),
  };
}

function sshSpec(
  words: Arguments,
  settings: Settings,
  workingFolder: string,
  homeFolder: string,
): StartOptions["spec"]["ssh"] {
  const alias = readText(words, "ssh-host");
  const users = readTexts(words, "ssh-user");
  const folder = settings.find("ssh-path")?.value;
  const keep = readSwitch(words, "ssh-keep");
  if (!readSwitch(words, "ssh")) {
    const lonely = [
      alias === undefined ? "" : "--ssh-host",
      users.length === 0 ? "" : "--ssh-user",
      keep ? "--ssh-keep" : "",
    ];
    const named = lonely.filter((name) => name !== "");
    if (named.length > 0)
      throw new UsageError(`${named.join(", ")} makes sense only with --ssh`, { hint: "Add --ssh" });
    return undefined;
  }
  return {
    users,
    keep,
    ...(alias === undefined ? {} : { alias }),
    ...(folder === undefined ? {} : { folder: resolveUserPath(folder, workingFolder, homeFolder) }),
  };
}

function dropUndefined<T extends Readonly<Record<string, string | undefined>>>(values: T): { [K in keyof T]?: string } {
  const kept: { [K in keyof T]?: string } = {};
  for (const key in values) {
    const value = values[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept;
}
