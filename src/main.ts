#!/usr/bin/env bun
// Entry and only place of wiring: builds the world and the contexts, runs the command line, sets the exit code.
import { homedir } from "node:os";
import { join } from "node:path";
import { CORE_SETTINGS } from "./cli/core-settings.ts";
import { reportError } from "./cli/report-error.ts";
import type { ContextRequest, Output, World } from "./cli/world.ts";
import { readTextIfExists } from "./os/atomic-file.ts";
import { toJournalLine } from "./os/journal-line.ts";
import { openLogFile } from "./os/log-file.ts";
import { lineLog } from "./os/log-sink.ts";
import { type Folders, resolveFolders, type System } from "./os/paths.ts";
import { processesOf } from "./os/processes/catalog.ts";
import { systemClock } from "./os/system-clock.ts";
import { platforms } from "./platforms/catalog.ts";
import { Registry } from "./registry/store.ts";
import { sshClients } from "./ssh/clients/catalog.ts";
import { ask, askSecret, currentSystem, pickUserEnvironment, StdioStream, toOutput, watchSignals } from "./stdio.ts";
import { terminalPrompts } from "./terminal-prompts.ts";
import { transports } from "./transports/catalog.ts";
import type { AppContext } from "./tunnel/context.ts";
import { versionText } from "./version.ts";

/** Longest configuration file accepted. */
const MAX_CONFIG_BYTES = 1024 * 1024;
/** Exit code of a command that was interrupted. */
const INTERRUPTED = 130;
/** Time for last words to leave; a pipe that nobody reads does not hold an interrupted command. */
const LAST_WORDS_MS = 200;

const signals = watchSignals();
process.exitCode = await main(process.argv.slice(2));
// A question to a mute name server cannot be taken back and would keep an interrupted command, or a tunnel that was told
// to end, alive for as long as the system waits; a terminal that is gone would do so for ever. What was printed has a
// moment to leave.
const isInterrupted = signals.ended.aborted || process.exitCode === INTERRUPTED;
if (isInterrupted || process.argv[2] === "serve") setTimeout(() => process.exit(), LAST_WORDS_MS).unref();

async function main(words: readonly string[]): Promise<number> {
  if (words[0] === "--version" || words[0] === "-V") {
    process.stdout.write(`${versionText()}\n`);
    return 0;
  }
  try {
    const world = createWorld(words);
    // The body of a background tunnel loads nothing of the command line's own machinery.
    if (words[0] === "serve") return await (await import("./cli/commands/serve.ts")).runServe(words[1], world);
    if (words[0] === "complete") return await (await import("./cli/complete.ts")).runComplete(words.slice(1), world);
    return await (await import("./cli/program.ts")).runProgram(world);
  } catch (error) {
    const report = reportError(error, { trace: words.includes("--trace") });
    if (words.includes("--json")) process.stdout.write(report.json);
    process.stderr.write(report.text);
    return report.exitCode;
  }
}

function createWorld(words: readonly string[]): World {
  const system = currentSystem();
  const folders = resolveFolders({ system, environment: process.env, homeFolder: homedir() });
  const stderr = toOutput(process.stderr, process.env);
  return {
    arguments: words,
    environment: process.env,
    workingFolder: process.cwd(),
    homeFolder: folders.home,
    stdout: toOutput(process.stdout, process.env),
    stderr,
    configFile: join(folders.config, "config.toml"),
    declarations: [...CORE_SETTINGS, ...platforms.flatMap((platform) => platform.settings)],
    clientVariables: platforms.flatMap((platform) => platform.clientVariables),
    readConfigFile: (path) => readTextIfExists(path, MAX_CONFIG_BYTES),
    readStdin: () => (process.stdin.isTTY ? Promise.resolve("") : Bun.stdin.text()),
    ask,
    askSecret,
    ...(process.stdin.isTTY && process.stderr.isTTY ? { prompts: terminalPrompts(signals.ended) } : {}),
    openStdio: () => new StdioStream(),
    createContext: (request) => createContext(request, { folders, signal: signals.ended, stderr, system }),
    onReload: signals.onReload,
    serviceManager: async () => {
      const { serviceManagerOf } = await import("./os/services/catalog.ts");
      const userName = (): string => processesOf(system).currentUser();
      return serviceManagerOf(system, { homeFolder: folders.home, environment: process.env, userName });
    },
    version: versionText(),
    isWindows: system === "win32",
  };
}

function createContext(
  request: ContextRequest,
  parts: { readonly system: System; readonly folders: Folders; readonly signal: AbortSignal; readonly stderr: Output },
): AppContext {
  const clock = systemClock();
  const { logFile, logLevel } = request;
  const log =
    logFile === undefined
      ? lineLog(logLevel, (line) => parts.stderr.write(`${request.isJournal === true ? toJournalLine(line) : line}\n`))
      : lineLog(logLevel, openWriter(logFile), () => clock.now());
  const processes = processesOf(parts.system);
  return {
    clock,
    random: Math.random,
    log,
    system: parts.system,
    folders: parts.folders,
    workingFolder: process.cwd(),
    processes,
    registry: new Registry({ stateFolder: parts.folders.state, processes, clock }),
    platforms,
    transports,
    sshClients,
    userEnvironment: pickUserEnvironment(process.env),
    configuration: request.configuration,
    progress: request.progress,
    signal: parts.signal,
  };
}

function openWriter(logFile: string): (line: string) => void {
  const file = openLogFile(logFile);
  return (line) => file.write(line);
}
