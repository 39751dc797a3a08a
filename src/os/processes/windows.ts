// Processes on Windows, asked of kernel32. A process is told by its creation time in units of 100 ns, which needs no
// boot: such a time does not come twice. Where FFI is not available PowerShell answers the same, only slower.
import { hostname, userInfo } from "node:os";
import { LocalError } from "../../domain/errors.ts";
import { isSameProcess, type ProcessIdentity } from "../../domain/process-identity.ts";
import { type RunCommand, runCommand } from "../run-command.ts";
import { parsePowerShellDescription, parsePowerShellStart, powerShell } from "./powershell.ts";
import type { ProcessDescription, Processes } from "./processes.ts";
import { notPermitted, signalProcess } from "./signal-process.ts";
import { type Kernel, openKernel } from "./windows-kernel.ts";

/** What the members of this file are made of; replaced in tests. */
export type WindowsParts = {
  readonly run: RunCommand;
  readonly openKernel: () => Kernel | undefined;
};

/** Processes as Windows shows them. */
export function windowsProcesses(parts: WindowsParts = { run: runCommand, openKernel }): Processes {
  let opened: { readonly kernel: Kernel | undefined } | undefined;
  const kernel = (): Kernel | undefined => {
    opened ??= { kernel: parts.openKernel() };
    return opened.kernel;
  };
  const find = (pid: number): ProcessIdentity | undefined => {
    const startedAt = kernel()?.startOf(pid) ?? (kernel() === undefined ? askStart(pid, parts.run) : undefined);
    return startedAt === undefined ? undefined : { pid, startedAt, bootId: "" };
  };
  const isAlive = (identity: ProcessIdentity): boolean => {
    const found = find(identity.pid);
    return found !== undefined && isSameProcess(found, identity);
  };
  return {
    self() {
      const self = find(process.pid);
      if (self === undefined) throw new LocalError("Cannot look up our own process", { code: "no-process-table" });
      return self;
    },
    find,
    isAlive,
    signal: (identity, signal) => endProcess(identity, signal, kernel(), isAlive),
    describe: (pid) => describe(pid, parts.run, kernel()),
    currentUser: () => kernel()?.userName() ?? userInfo().username,
    machine: () => hostname(),
  };
}

function endProcess(
  identity: ProcessIdentity,
  signal: "terminate" | "kill",
  kernel: Kernel | undefined,
  isAlive: (identity: ProcessIdentity) => boolean,
): boolean {
  if (kernel === undefined) return isAlive(identity) && signalProcess(identity.pid, signal);
  const outcome = kernel.terminate(identity.pid, identity.startedAt);
  switch (outcome) {
    case "ended":
      return true;
    case "gone":
      return false;
    case "refused":
      if (!isAlive(identity)) return false;
      throw notPermitted(identity.pid);
  }
}

function askStart(pid: number, run: RunCommand): string | undefined {
  return parsePowerShellStart(run(powerShell(`(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`)) ?? "");
}

/** Owner and command line stand behind WMI only, a second away; the program alone is at hand. */
function describe(pid: number, run: RunCommand, kernel: Kernel | undefined): ProcessDescription | undefined {
  const script =
    `$p = Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}'; ` +
    "$o = Invoke-CimMethod -InputObject $p -MethodName GetOwner; " +
    "[pscustomobject]@{Name=$p.Name;CommandLine=$p.CommandLine;ParentProcessId=$p.ParentProcessId;" +
    "Domain=$o.Domain;User=$o.User} | ConvertTo-Json -Compress";
  const told = parsePowerShellDescription(run(powerShell(script)) ?? "");
  if (told !== undefined) return told;
  const program = kernel?.programOf(pid);
  return program === undefined ? undefined : { command: program, owner: "unknown" };
}
