// `runtunnel service run|install|uninstall|start|stop|status|reload|logs`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Argv } from "yargs";
import { formatDuration } from "../../domain/duration.ts";
import { LocalError, UsageError } from "../../domain/errors.ts";
import { formatPorts } from "../../domain/ports.ts";
import type { ServiceReport } from "../../tunnel/service/service-install.ts";
import type { Command, CommandRun } from "../command.ts";
import { loadProject } from "../load-project.ts";
import {
  parseLogLevel,
  parseWholeNumber,
  readDuration,
  readSwitch,
  readText,
  resolveUserPath,
  SHORT_NAMES,
} from "../options.ts";
import { renderTable } from "../output.ts";

const ACTIONS = ["run", "install", "uninstall", "start", "stop", "status", "reload", "logs"] as const;
type Action = (typeof ACTIONS)[number];

const DEFAULT_NAME = "runtunnel";
const DEFAULT_LOG_LINES = "100";

export const serviceCommand: Command = {
  usage: "service <action>",
  summary: "Keep the tunnels of a file up, under systemd, launchd or the Windows task scheduler",
  details:
    "ACTION is run, install, uninstall, start, stop, status, reload or logs. The file has a table [[tunnel]] for each tunnel, with the long options of start as fields.",
  examples: [
    ["$0 service run --config tunnels.toml", "supervise here, until Ctrl+C"],
    ["$0 service install", "start with every login, from service.toml in the configuration folder"],
    ["$0 service install --system --run-as alice --config /etc/runtunnel.toml", "start with the machine"],
    ["$0 service reload", "apply what changed in the file, and nothing else"],
    ["$0 service status", "how the service and its tunnels are"],
  ],
  options,
  run,
};

function options(yargs: Argv): Argv {
  return yargs
    .positional("action", { type: "string", choices: ACTIONS, describe: "What to do" })
    .option("config", { type: "string", describe: "File of tunnels [default: service.toml]" })
    .option("name", { type: "string", describe: "Name of the service [default: runtunnel]" })
    .option("system", { type: "boolean", describe: "The machine's service instead of the user's" })
    .option("run-as", { type: "string", describe: "Account of a --system service" })
    .option("dry-run", { type: "boolean", describe: "With install: print the file, write nothing" })
    .option("log-file", {
      alias: SHORT_NAMES["log-file"],
      type: "string",
      describe: "With run: log to this file, size-bounded, instead of stderr",
    })
    .option("timeout", {
      alias: SHORT_NAMES.timeout,
      type: "string",
      describe: "With stop: time for open connections to finish; bare number: milliseconds",
    })
    .option("lines", { type: "string", describe: "With logs: lines from the end [default: 100]" })
    .option("follow", { type: "boolean", describe: "With logs: go on with what comes" });
}

async function run(command: CommandRun): Promise<number> {
  const action = ACTIONS.find((known) => known === readText(command.arguments, "action"));
  if (action === undefined) throw new UsageError("No action is given", { hint: `Actions are: ${ACTIONS.join(", ")}` });
  return act(action, command);
}

async function act(action: Action, command: CommandRun): Promise<number> {
  const { context, print, world } = command;
  const use = await import("../../tunnel/service/service-install.ts");
  const manager = await world.serviceManager();
  const { file, target } = readTarget(command);
  switch (action) {
    case "run":
      return supervise(command, file);
    case "install":
      return install(command);
    case "uninstall": {
      const removed = await use.uninstallService(target, file, manager, context);
      print({ removed }, () => (removed ? `Removed service ${target.name}\n` : "No service to remove\n"));
      return 0;
    }
    case "start":
      await use.startService(target, file, manager, context);
      print({ started: true }, () => `Started service ${target.name}\n`);
      return 0;
    case "stop": {
      const timeoutMs = readDuration(command.arguments, "timeout", "ms");
      const stopped = await use.stopService(target, file, timeoutMs, manager, context);
      print({ stopped }, () => (stopped ? `Stopped service ${target.name}\n` : "No service to stop\n"));
      return 0;
    }
    case "reload": {
      const supervisor = await use.reloadService(file, context);
      print({ reloaded: supervisor.file }, () => `Read ${supervisor.file} anew\n`);
      return 0;
    }
    case "status": {
      const report = await use.reportService(target, file, manager, context);
      print(reportJson(report), () => renderReport(report, command));
      return 0;
    }
    case "logs":
      return showLogs(command, target);
  }
}

function readTarget({ arguments: words, context, world }: CommandRun) {
  const config = readText(words, "config");
  const scope = readSwitch(words, "system") ? ("system" as const) : ("user" as const);
  return {
    target: { name: readText(words, "name") ?? DEFAULT_NAME, scope },
    file:
      config === undefined
        ? join(context.folders.config, "service.toml")
        : resolveUserPath(config, world.workingFolder, world.homeFolder),
  };
}

async function supervise({ arguments: words, configuration, context, settings, world }: CommandRun, file: string) {
  const { runService } = await import("../../tunnel/service/service.ts");
  const logFile = readText(words, "log-file");
  const { environment } = world;
  const serving = world.createContext({
    configuration,
    logLevel: parseLogLevel(settings.find("log-level"), "INFO"),
    ...(logFile === undefined ? {} : { logFile: resolveUserPath(logFile, world.workingFolder, world.homeFolder) }),
    isJournal: environment["JOURNAL_STREAM"] !== undefined || environment["NOTIFY_SOCKET"] !== undefined,
    progress: { update() {}, done() {}, note: (text) => serving.log.info(text) },
  });
  const watchdogMs = readWatchdog(environment, context.processes.self().pid);
  const notifySocket = environment["NOTIFY_SOCKET"];
  await runService(
    {
      file,
      load: (source) => loadProject(source, configuration, world),
      onReload: world.onReload,
      ...(notifySocket === undefined || notifySocket === "" ? {} : { notifySocket }),
      ...(watchdogMs === undefined ? {} : { watchdogMs }),
    },
    serving,
  );
  return 0;
}

/** See sd_watchdog_enabled(3). */
function readWatchdog(environment: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const usec = Number(environment["WATCHDOG_USEC"] ?? Number.NaN);
  const meant = environment["WATCHDOG_PID"];
  return usec > 0 && (meant === undefined || meant === String(pid)) ? usec / 1000 : undefined;
}

async function install(command: CommandRun): Promise<number> {
  const { arguments: words, configuration, context, print, settings, world } = command;
  const use = await import("../../tunnel/service/service-install.ts");
  const { file, target } = readTarget(command);
  const profile = readText(words, "profile");
  const runAs = readText(words, "run-as");
  const asked = {
    ...target,
    file,
    load: (source: { readonly file: string; readonly text: string }) => loadProject(source, configuration, world),
    ...(profile === undefined ? {} : { profile }),
    ...(words["log-level"] === undefined ? {} : { logLevel: parseLogLevel(settings.find("log-level"), "INFO") }),
    ...(runAs === undefined ? {} : { runAs }),
  };
  const manager = await world.serviceManager();
  noteVariables(command);
  if (readSwitch(words, "dry-run")) {
    const preview = await use.previewService(asked, manager, context);
    context.progress.note(`Would write ${preview.path}`);
    print(preview, () => preview.content);
    return 0;
  }
  const installed = await use.installService(asked, manager, context);
  for (const advice of installed.advice) context.progress.note(`hint: ${advice}`);
  print({ path: installed.file.path }, () => `Installed and started service ${target.name}: ${installed.file.path}\n`);
  return 0;
}

/** A service sees nothing of this shell: what only the environment says would be missing there. */
function noteVariables({ context, world }: CommandRun): void {
  const names = [...world.declarations.flatMap(({ variables }) => variables), ...world.clientVariables];
  const set = [...new Set(names)].filter((name) => (world.environment[name] ?? "") !== "");
  if (set.length === 0) return;
  context.progress.note(
    `warning: the service does not see this shell's ${set.join(", ")}; put such settings into ${world.configFile}`,
  );
}

async function showLogs(
  { arguments: words, context, world }: CommandRun,
  target: { readonly name: string; readonly scope: "user" | "system" },
): Promise<number> {
  const lines = parseWholeNumber(readText(words, "lines") ?? DEFAULT_LOG_LINES, "--lines", 0, 1_000_000);
  const follow = readSwitch(words, "follow");
  const manager = await world.serviceManager();
  if (manager.keepsLogs) return runVisibly(manager.logsCommand(target, { lines, follow }));
  const { serviceLogFile } = await import("../../tunnel/service/service-install.ts");
  const { showLogFile } = await import("../../tunnel/logs.ts");
  await showLogFile(serviceLogFile(target.name, context), { lines, follow }, context, (text) =>
    world.stdout.write(text),
  );
  return 0;
}

/** Runs a program in our place; its exit code is ours. */
function runVisibly([program = "", ...words]: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: "inherit" });
    child.once("error", (cause) => reject(new LocalError(`Cannot run ${program}`, { code: "no-journal", cause })));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

function reportJson({ manager, supervisor }: ServiceReport): unknown {
  return {
    manager: manager ?? null,
    supervisor:
      supervisor === undefined
        ? null
        : {
            file: supervisor.file,
            pid: supervisor.process.pid,
            startedAt: new Date(supervisor.startedAt).toISOString(),
            url: supervisor.url ?? null,
            status: supervisor.statusText,
            tunnels: supervisor.tunnels,
          },
  };
}

function renderReport({ manager, supervisor }: ServiceReport, { context, world }: CommandRun): string {
  const service =
    manager === undefined
      ? "Service     no service manager runs\n"
      : `Service     ${manager.installed ? `${manager.detail ?? ""}${manager.enabled ? ", starts by itself" : ""}` : "not installed"}\n`;
  if (supervisor === undefined) return `${service}Supervisor  not running\n`;
  const now = context.clock.now();
  const head = [
    `Supervisor  process ${supervisor.process.pid}, for ${formatDuration(Math.max(0, now - supervisor.startedAt))}`,
    `File        ${supervisor.file}`,
    ...(supervisor.url === undefined ? [] : [`Page        ${supervisor.url}`]),
  ];
  const table = renderTable(
    supervisor.tunnels,
    [
      { title: "TUNNEL", value: (tunnel) => tunnel.entry, shrinks: true },
      { title: "RUN", value: (tunnel) => tunnel.runName, shrinks: true },
      { title: "LOCAL", value: (tunnel) => formatPorts(tunnel.localPorts) },
      { title: "STATE", value: (tunnel) => tunnel.state },
      { title: "PID", value: (tunnel) => String(tunnel.pid ?? "-"), align: "right" },
      { title: "RESTARTS", value: (tunnel) => String(tunnel.restarts), align: "right" },
      { title: "PROBLEM", value: (tunnel) => tunnel.problem ?? "-", shrinks: true },
    ],
    world.stdout.columns,
  );
  return `${service}${head.join("\n")}\n\n${table}`;
}
