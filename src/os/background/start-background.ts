// Starts a process that outlives us: its own session, no terminal, its input given once, its output in a file.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { LocalError } from "../../domain/errors.ts";
import { localFileError } from "../file-errors.ts";

/** What to start. */
export type BackgroundOptions = {
  /** Program and arguments; arguments are visible to everybody on the machine. */
  readonly command: readonly string[];
  /** The whole environment of the process; nothing of ours is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** Given on its standard input, followed by the end of the file. */
  readonly input: string;
  /** Takes what it prints, appended, mode 0600. Without it the output goes nowhere. */
  readonly outputFile?: string;
  readonly workingFolder: string;
};

/** A process that was started in the background. */
export type BackgroundProcess = {
  readonly pid: number;
  /** Resolves when the process ends, as long as we run ourselves. Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Lets our own process end without waiting for it. Safe to call twice. */
  release(): void;
  /** Ends it at once. Safe to call when it has ended: the number cannot have passed to another process. */
  kill(): void;
};

/** Starts the command in a session of its own, where neither Ctrl-C nor the end of the terminal reaches it. Resolves when
 * it runs and has its input. Throws LocalError when it cannot be started. */
export async function startBackground(options: BackgroundOptions): Promise<BackgroundProcess> {
  const [program, ...rest] = options.command;
  if (program === undefined) throw new LocalError("Cannot start a process without a command");
  const output = openOutput(options.outputFile);
  try {
    const child = spawn(program, rest, {
      // setsid() on POSIX; on Windows no console at all, so closing the window ends nothing.
      detached: true,
      windowsHide: true,
      cwd: options.workingFolder,
      env: { ...options.environment },
      stdio: ["pipe", output, output],
    });
    const exited = new Promise<{ readonly code: number | null; readonly signal: string | null }>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const pid = await waitForStart(child, program);
    await giveInput(child, options.input, exited);
    return { pid, exited, release: () => child.unref(), kill: () => void child.kill("SIGKILL") };
  } catch (error) {
    throw localFileError("start", program, error);
  } finally {
    if (output !== "ignore") closeSync(output);
  }
}

function openOutput(path: string | undefined): number | "ignore" {
  if (path === undefined) return "ignore";
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    throw localFileError("open the log file", path, error);
  }
}

function waitForStart(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => {
      // From here on only a failed kill() can report here, which tells nothing that `exited` does not.
      child.on("error", () => undefined);
      if (child.pid === undefined) reject(new LocalError(`Cannot start "${program}": the system gave it no number`));
      else resolve(child.pid);
    });
  });
}

/** Returns when the input is on its way to the child, or when the child has ended without reading it. */
async function giveInput(child: ChildProcess, input: string, exited: Promise<unknown>): Promise<void> {
  const stdin = child.stdin;
  if (stdin === null) return;
  const given = new Promise<void>((resolve) => {
    // EPIPE: the child does not want it.
    stdin.once("error", () => resolve());
    stdin.end(input, () => resolve());
  });
  await Promise.race([given, exited]);
}
