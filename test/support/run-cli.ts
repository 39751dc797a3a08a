// Runs the program itself, as a user would: the compiled executable where there is one, else the source.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { collectOutput } from "./collect-output.ts";

const ROOT = resolve(import.meta.dir, "../..");
const BUILT = resolve(ROOT, "dist/runtunnel");

/** What a call gets besides its words. */
export type RunCliOptions = {
  /** The user's home folder; make a scratch one. */
  readonly home: string;
  /** Variables on top of PATH and HOME; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Given on standard input; without it the input is empty. */
  readonly input?: string | Uint8Array<ArrayBuffer>;
  /** Working folder; default: the home. */
  readonly cwd?: string;
};

/** What a call printed and how it ended. */
export type CliResult = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

/** The program and its first words. RUNTUNNEL_EXECUTABLE names one; else `dist/runtunnel`; else the source. */
export function cliCommand(): readonly string[] {
  const named = process.env["RUNTUNNEL_EXECUTABLE"];
  if (named !== undefined && named !== "") return [resolve(named)];
  return existsSync(BUILT) ? [BUILT] : [process.execPath, resolve(ROOT, "src/main.ts")];
}

/** An environment that holds nothing of the caller's but PATH; on Windows also what programs cannot live without. */
export function cliEnvironment(options: Pick<RunCliOptions, "home" | "env">): Readonly<Record<string, string>> {
  const environment: Record<string, string> = { HOME: options.home, USERPROFILE: options.home };
  for (const name of ["PATH", "SystemRoot"]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  return environment;
}

/** Runs the program to its end. */
export async function runCli(words: readonly string[], options: RunCliOptions): Promise<CliResult> {
  const child = Bun.spawn({
    cmd: [...cliCommand(), ...words],
    cwd: options.cwd ?? options.home,
    env: cliEnvironment(options),
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  return collectOutput(child);
}
