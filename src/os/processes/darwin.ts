// Processes on macOS, asked of ps(1) and sysctl(8): there is no /proc, and these two are on every system.
import { hostname } from "node:os";
import { LocalError } from "../../domain/errors.ts";
import { isSameProcess, type ProcessIdentity } from "../../domain/process-identity.ts";
import { type RunCommand, runCommand } from "../run-command.ts";
import { userName } from "../user-name.ts";
import type { Processes } from "./processes.ts";
import { parsePsDescription, parsePsIdentity } from "./ps-output.ts";
import { signalProcess } from "./signal-process.ts";

/** Processes as ps shows them. `run` is replaced in tests. */
export function darwinProcesses(run: RunCommand = runCommand): Processes {
  // kern.boottime moves whenever the clock is set; the session's UUID does not.
  const bootId = once(() => run(["sysctl", "-n", "kern.bootsessionuuid"])?.trim() ?? "");
  // The host name follows the network; this name is the user's choice and stays.
  const machine = once(() => run(["scutil", "--get", "LocalHostName"])?.trim() || hostname());
  const find = (pid: number): ProcessIdentity | undefined => {
    const found = parsePsIdentity(run(["ps", "-o", "pid=,state=,lstart=", "-p", String(pid)]) ?? "", pid);
    return found === undefined ? undefined : { ...found, bootId: bootId() };
  };
  const isAlive = (identity: ProcessIdentity): boolean => {
    const found = find(identity.pid);
    return found !== undefined && isSameProcess(found, identity);
  };
  const self = once(() => {
    const found = find(process.pid);
    if (found === undefined) throw new LocalError('Cannot run "ps" to see our own process', { code: "no-ps" });
    return found;
  });
  return {
    self,
    find,
    isAlive,
    signal: (identity, signal) => isAlive(identity) && signalProcess(identity.pid, signal),
    describe: (pid) => parsePsDescription(run(["ps", "-ww", "-o", "ppid=,user=,command=", "-p", String(pid)]) ?? ""),
    currentUser: once(() => userName(process.getuid?.() ?? 0, run)),
    machine,
  };
}

function once<T>(compute: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}
