// Runs a foreign program to its end, with a scratch home, and gives back all it said.
import { collectOutput } from "../support/collect-output.ts";

/** What a program said and how it ended. */
export type ProgramResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs the command; `home` becomes HOME, so that no test touches the files of whoever runs it. */
export async function runProgram(
  command: readonly string[],
  options: { readonly home: string; readonly input?: string },
): Promise<ProgramResult> {
  const child = Bun.spawn([...command], {
    stdin: new TextEncoder().encode(options.input ?? ""),
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, HOME: options.home, LC_ALL: "C.UTF-8" },
  });
  const { exitCode: code, stderr, stdout } = await collectOutput(child);
  return { code, stdout, stderr };
}

/** Runs the command and returns its stdout; anything but success is an error that shows stderr. */
export async function runOk(
  command: readonly string[],
  options: { readonly home: string; readonly input?: string },
): Promise<string> {
  const result = await runProgram(command, options);
  if (result.code !== 0) throw new Error(`${command.join(" ")}: exit ${result.code}\n${result.stderr}${result.stdout}`);
  return result.stdout;
}
