// Processes on Linux, from /proc: a process is told by its start in clock ticks since boot.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { LocalError } from "../../domain/errors.ts";
import { isSameProcess, type ProcessIdentity } from "../../domain/process-identity.ts";
import { runCommand } from "../run-command.ts";
import { userName } from "../user-name.ts";
import { formatCommandLine, parseProcStat, parseStatusUid } from "./proc-files.ts";
import type { ProcessDescription, Processes } from "./processes.ts";
import { signalProcess } from "./signal-process.ts";

/** Processes as /proc shows them. */
export function linuxProcesses(): Processes {
  const bootId = readProc("sys/kernel/random/boot_id")?.trim() ?? "";
  const find = (pid: number): ProcessIdentity | undefined => findProcess(pid, bootId);
  const isAlive = (identity: ProcessIdentity): boolean => {
    const found = find(identity.pid);
    return found !== undefined && isSameProcess(found, identity);
  };
  return {
    self() {
      const self = find(process.pid);
      if (self === undefined) {
        throw new LocalError("Cannot read /proc: it is not mounted, or not for us", { code: "no-proc" });
      }
      return self;
    },
    find,
    isAlive,
    signal: (identity, signal) => isAlive(identity) && signalProcess(identity.pid, signal),
    describe,
    currentUser: () => userName(process.getuid?.() ?? 0, runCommand),
    machine,
  };
}

function findProcess(pid: number, bootId: string): ProcessIdentity | undefined {
  const stat = parseProcStat(readProc(`${pid}/stat`) ?? "");
  // A zombie has ended; only its parent has not looked yet.
  if (stat === undefined || stat.state === "Z" || stat.state === "X") return undefined;
  return { pid, startedAt: stat.startTicks, bootId };
}

function describe(pid: number): ProcessDescription | undefined {
  const stat = parseProcStat(readProc(`${pid}/stat`) ?? "");
  if (stat === undefined) return undefined;
  const uid = parseStatusUid(readProc(`${pid}/status`) ?? "");
  return {
    command: formatCommandLine(readProc(`${pid}/cmdline`) ?? "") ?? stat.name,
    owner: uid === undefined ? "unknown" : userName(uid, runCommand),
    parentPid: stat.parentPid,
  };
}

/** The host name; machines that were never given one are told apart by their machine id. */
function machine(): string {
  const name = hostname();
  if (name !== "" && name !== "(none)" && !name.startsWith("localhost")) return name;
  const id = readFile("/etc/machine-id")?.trim() ?? "";
  return id === "" ? "localhost" : `localhost-${id.slice(0, 12)}`;
}

function readProc(path: string): string | undefined {
  return readFile(`/proc/${path}`);
}

/** Files of processes vanish while one looks, and some are hidden: both mean that there is nothing to see. */
function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
