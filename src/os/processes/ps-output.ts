// Parsers for what ps(1) prints of one process. Pure.
import type { ProcessDescription } from "./processes.ts";

/** Parses `ps -o pid=,state=,lstart= -p PID`; undefined when there is no such process, or only a zombie. */
export function parsePsIdentity(
  text: string,
  pid: number,
): { readonly pid: number; readonly startedAt: string } | undefined {
  const match = /^\s*(\d+)\s+(\S+)\s+(\S.*?)\s*$/m.exec(text);
  const [, number, state, start] = match ?? [];
  if (number !== String(pid) || state === undefined || start === undefined || state.startsWith("Z")) return undefined;
  // The day of the month is padded with a space by some versions and with nothing by others.
  return { pid, startedAt: start.replace(/\s+/g, " ") };
}

/** Parses `ps -ww -o ppid=,user=,command= -p PID`. */
export function parsePsDescription(text: string): ProcessDescription | undefined {
  const match = /^\s*(\d+)\s+(\S+)\s+(\S.*?)\s*$/m.exec(text);
  const [, parent, owner, command] = match ?? [];
  if (parent === undefined || owner === undefined || command === undefined) return undefined;
  return { command, owner, parentPid: Number(parent) };
}
