// Runs one of the system's own small tools and returns what it printed.
import { spawnSync } from "node:child_process";

/** Runs a program with arguments; undefined when it is missing, hangs or fails. Where failing is an answer, as in
 * `lsof` that found nothing, undefined is that answer. */
export type RunCommand = (command: readonly [string, ...(readonly string[])]) => string | undefined;

/** POSIX tools answer in milliseconds, PowerShell on a cold machine takes seconds. */
const TIMEOUT_MS = 15_000;

/** Tables of a large machine fit in a fraction of this. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Makes dates come out in English and UTC, whatever the user has set. */
const NEUTRAL = ["/usr/bin/env", "LC_ALL=C", "TZ=UTC"];

/** The real thing. */
export const runCommand: RunCommand = (command) => {
  const [program = "", ...rest] = process.platform === "win32" ? command : [...NEUTRAL, ...command];
  const result = spawnSync(program, rest, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    windowsHide: true,
  });
  return result.error === undefined && result.status === 0 ? result.stdout : undefined;
};
