// `sandbox`: an embedded platform for as long as a command runs, or until Ctrl+C.
import { spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { NotFoundError, systemErrorCode, UsageError } from "../domain/errors.ts";
import { removeFolder } from "../os/remove-folder.ts";
import { controlSandbox } from "../sandbox/control.ts";
import { startSandbox } from "../sandbox/sandbox.ts";
import type { AppContext } from "./context.ts";

/** Variable that tells where a running sandbox takes commands. */
const CONTROL_VARIABLE = "RUNTUNNEL_SANDBOX";

/** Runs a sandbox. With a command: for as long as it runs; returns its exit code. Without: until the context's signal. */
export async function runSandbox(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  context: AppContext,
  onReady: (exports: Readonly<Record<string, string>>) => void,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "runtunnel-sandbox-"));
  try {
    const sandbox = await startSandbox({ log: context.log, folder, commandEnvironment: inherited(environment) });
    try {
      if (command.length > 0) return await runCommand(command, { ...environment, ...sandbox.environment }, context);
      onReady(sandbox.environment);
      await untilAborted(context.signal);
      return 0;
    } finally {
      await sandbox.close();
    }
  } finally {
    await removeFolder(folder);
  }
}

/** Sends a command (`pause 1001`) to the sandbox that the environment names, and returns its answer. */
export async function steerSandbox(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const url = environment[CONTROL_VARIABLE];
  if (url === undefined || url === "") {
    throw new UsageError("No sandbox is running here", {
      hint: 'Start one with "runtunnel sandbox" and export what it prints, or put a command behind "runtunnel sandbox --"',
    });
  }
  return controlSandbox(url, words);
}

/** Commands in the sandbox's runs see nothing of this environment but what a system needs to start programs. */
function inherited(environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "SystemRoot", "ComSpec", "TEMP", "TMP", "LANG"]) {
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

function runCommand(
  [program = "", ...words]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  context: AppContext,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: "inherit", env: environment });
    // Ctrl+C reaches the command from the terminal by itself; SIGTERM to us must be passed on.
    context.signal.addEventListener("abort", () => child.kill(), { once: true });
    child.on("error", (cause) => {
      const missing = systemErrorCode(cause) === "ENOENT";
      reject(missing ? new NotFoundError(`There is no program "${program}"`, { cause }) : cause);
    });
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
