// Runs systemctl, launchctl and schtasks, and turns their failures into errors.
import { execFile } from "node:child_process";
import { LocalError } from "../../domain/errors.ts";
import type { RunTool, ToolResult } from "./service-manager.ts";

/** Stopping a service waits for its tunnels to drain; starting one for their first try. */
const TIMEOUT_MS = 5 * 60_000;
/** A status with its log lines is a few kilobytes. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** The real thing. */
export const runTool: RunTool = ([program, ...words]) =>
  new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
    execFile(program, words, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      if (typeof error.code === "number") return resolve({ exitCode: error.code, stdout, stderr });
      reject(
        new LocalError(`Cannot run ${program}: ${error.code === "ENOENT" ? "it is not installed" : error.message}`, {
          code: "no-service-manager",
          hint: 'Without a service manager, "runtunnel service run" works in any terminal',
          cause: error,
        }),
      );
    });
  });

/** The result of a tool that must succeed. */
export async function mustRun(
  run: RunTool,
  what: string,
  command: readonly [string, ...(readonly string[])],
): Promise<ToolResult> {
  const result = await run(command);
  if (result.exitCode === 0) return result;
  const words = (result.stderr.trim() || result.stdout.trim()).replaceAll(/\s*\n\s*/g, "; ");
  throw new LocalError(`Cannot ${what}: ${words === "" ? `${command[0]} ended with code ${result.exitCode}` : words}`, {
    code: "service-manager",
    hint: `Try it by hand: ${command.join(" ")}`,
  });
}
