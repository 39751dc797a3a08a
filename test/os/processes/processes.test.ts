import { describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { AuthError } from "../../../src/domain/errors.ts";
import type { ProcessIdentity } from "../../../src/domain/process-identity.ts";
import { processesOf } from "../../../src/os/processes/catalog.ts";
import { darwinProcesses } from "../../../src/os/processes/darwin.ts";
import { linuxProcesses } from "../../../src/os/processes/linux.ts";
import type { Processes } from "../../../src/os/processes/processes.ts";
import { windowsProcesses } from "../../../src/os/processes/windows.ts";
import type { Kernel } from "../../../src/os/processes/windows-kernel.ts";
import { runCommand } from "../../../src/os/run-command.ts";
import { eventually } from "../../support/eventually.ts";

const isLinux = process.platform === "linux";
const hasPs = runCommand(["which", "ps"]) !== undefined;

type Child = AsyncDisposable & { readonly process: ChildProcess; readonly pid: number };

async function start(command: string, ...args: readonly string[]): Promise<Child> {
  const child = spawn(command, args, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.once("spawn", resolve));
  return {
    process: child,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function identityOf(processes: Processes, pid: number): ProcessIdentity {
  const identity = processes.find(pid);
  if (identity === undefined) throw new Error(`No process ${pid}`);
  return identity;
}

// ps(1) of Linux knows every column that we ask macOS for, so the member for macOS runs here too.
const MEMBERS: readonly (readonly [string, Processes])[] = [
  ...(isLinux ? [["linuxProcesses()", linuxProcesses()] as const] : []),
  ...(hasPs ? [["darwinProcesses()", darwinProcesses()] as const] : []),
];

describe.each(MEMBERS)("%s", (_, processes) => {
  test("knows itself", () => {
    expect(processes.self()).toEqual(identityOf(processes, process.pid));
    expect(processes.isAlive(processes.self())).toBe(true);
  });

  test("does not take a process for another one with the same number", async () => {
    await using child = await start("sleep", "600");
    const identity = identityOf(processes, child.pid);
    for (const other of [
      { ...identity, startedAt: "1" },
      { ...identity, bootId: "another" },
    ]) {
      expect(processes.isAlive(other)).toBe(false);
      expect(processes.signal(other, "kill")).toBe(false);
    }
    expect(processes.isAlive(identity)).toBe(true);
  });

  test.each([
    ["terminate", "SIGTERM"],
    ["kill", "SIGKILL"],
  ] as const)("signals to %s with %s", async (kind, name) => {
    await using child = await start("sleep", "600");
    const identity = identityOf(processes, child.pid);
    const ended = new Promise((resolve) => child.process.once("exit", (__, signal) => resolve(signal)));
    expect(processes.signal(identity, kind)).toBe(true);
    expect(await ended).toBe(name);
    expect(processes.isAlive(identity)).toBe(false);
    expect(processes.signal(identity, kind)).toBe(false);
  });

  test("counts a zombie as dead", async () => {
    // The shell becomes a sleep that never looks after the child it inherits.
    await using parent = await start("sh", "-c", "sleep 0 & exec sleep 600");
    const pid = await eventually(() => {
      const children = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim();
      const stat = readFileSync(`/proc/${children}/stat`, "utf8");
      if (!stat.includes(") Z ")) throw new Error(`Not yet a zombie: ${stat}`);
      return Number(children);
    });
    expect(processes.find(pid)).toBeUndefined();
  });

  test("describes a process", async () => {
    await using child = await start("sleep", "600.5");
    await eventually(() =>
      expect(processes.describe(child.pid)).toEqual({
        command: "sleep 600.5",
        owner: processes.currentUser(),
        parentPid: process.pid,
      }),
    );
    expect(processes.describe(2 ** 22 + 1)).toBeUndefined();
  });

  test("names the machine and the user, whatever the environment says", () => {
    expect(processes.machine()).toBe(runCommand(["uname", "-n"])?.trim() ?? "");
    expect(processes.currentUser()).toBe(runCommand(["id", "-un"])?.trim() ?? "");
  });
});

test.if(isLinux && process.getuid?.() === 0)("linuxProcesses() says when a signal is forbidden", async () => {
  const script = `
    const { linuxProcesses } = await import("${import.meta.dir}/../../../src/os/processes/linux.ts");
    const { AuthError } = await import("${import.meta.dir}/../../../src/domain/errors.ts");
    process.setuid(65534);
    const processes = linuxProcesses();
    try { processes.signal(processes.find(${process.pid}), "terminate"); process.exit(1) }
    catch (error) { process.exit(error instanceof AuthError && error.code === "not-permitted" ? 7 : 2) }`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "inherit"] });
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(7);
});

describe("windowsProcesses()", () => {
  const kernelOf = (changes: Partial<Kernel>): Kernel => ({
    startOf: (pid) => (pid === 7 || pid === process.pid ? "133500000000000007" : undefined),
    terminate: () => "ended",
    programOf: () => "C:\\x.exe",
    userName: () => "ann",
    ...changes,
  });
  const seven = { pid: 7, startedAt: "133500000000000007", bootId: "" };
  const none = (): undefined => undefined;

  test("tells processes by their creation time", () => {
    const processes = windowsProcesses({ run: none, openKernel: () => kernelOf({}) });
    expect(processes.find(7)).toEqual(seven);
    expect(processes.find(8)).toBeUndefined();
    expect(processes.isAlive({ ...seven, startedAt: "1" })).toBe(false);
    expect(processes.self().pid).toBe(process.pid);
    expect(processes.currentUser()).toBe("ann");
    expect(processes.describe(7)).toEqual({ command: "C:\\x.exe", owner: "unknown" });
  });

  test("passes the creation time on when it ends a process", () => {
    const asked: unknown[] = [];
    const terminate = (...args: readonly unknown[]): "ended" => {
      asked.push(args);
      return "ended";
    };
    const processes = windowsProcesses({ run: none, openKernel: () => kernelOf({ terminate }) });
    expect(processes.signal(seven, "terminate")).toBe(true);
    expect(asked).toEqual([[7, seven.startedAt]]);
  });

  test("tells a process that is gone from one that is closed to us", () => {
    const refusing = windowsProcesses({ run: none, openKernel: () => kernelOf({ terminate: () => "refused" }) });
    expect(() => refusing.signal(seven, "kill")).toThrow(AuthError);
    expect(refusing.signal({ ...seven, pid: 8 }, "kill")).toBe(false);
  });

  test("asks PowerShell where the kernel cannot be asked", () => {
    const run = (command: readonly string[]): string | undefined =>
      command.at(-1)?.includes("Get-Process -Id 7)") === true ? "133500000000000007\r\n" : undefined;
    const processes = windowsProcesses({ run, openKernel: none });
    expect(processes.find(7)).toEqual(seven);
    expect(processes.find(8)).toBeUndefined();
    expect(processes.signal({ ...seven, startedAt: "1" }, "kill")).toBe(false);
  });
});

test("processesOf() knows every system", () => {
  expect((["linux", "darwin", "win32"] as const).map((system) => typeof processesOf(system).find)).toEqual(
    Array.from({ length: 3 }, () => "function"),
  );
});
