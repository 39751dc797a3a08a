import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { findPortHolder } from "../../../src/os/listening-ports/find-port-holder.ts";
import { linuxProcesses } from "../../../src/os/processes/linux.ts";
import { runCommand } from "../../../src/os/run-command.ts";

const isLinux = process.platform === "linux";
const isRoot = process.getuid?.() === 0;

async function listen(host: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Not listening");
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

describe.if(isLinux)("findPortHolder()", () => {
  test.each(["127.0.0.1", "::1", "0.0.0.0", "::"])("names the process that listens on %s", async (host) => {
    await using server = await listen(host);
    const holder = await findPortHolder(server.port, linuxProcesses());
    expect(holder).toMatchObject({ address: host, pid: process.pid, owner: linuxProcesses().currentUser() });
    expect(holder?.command).toContain("bun");
  });

  test("finds nobody on a port that is free, or whose listener has gone", async () => {
    let port = 0;
    {
      await using server = await listen("127.0.0.1");
      port = server.port;
    }
    expect(await findPortHolder(port, linuxProcesses())).toBeUndefined();
  });

  test("passes over a listener on another address", async () => {
    await using server = await listen("127.0.0.2");
    expect(await findPortHolder(server.port, linuxProcesses(), "127.0.0.1")).toBeUndefined();
    expect(await findPortHolder(server.port, linuxProcesses(), "127.0.0.2")).toMatchObject({ pid: process.pid });
  });

  test.if(isRoot)("tells a user who may not look who owns the port", async () => {
    await using server = await listen("127.0.0.1");
    const script = `
      const { findPortHolder } = await import("${import.meta.dir}/../../../src/os/listening-ports/find-port-holder.ts");
      const { linuxProcesses } = await import("${import.meta.dir}/../../../src/os/processes/linux.ts");
      process.setgid(65534); process.setgroups([]); process.setuid(65534);
      process.stdout.write(JSON.stringify(await findPortHolder(${server.port}, linuxProcesses())));`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += String(chunk);
    });
    await new Promise((resolve) => child.once("close", resolve));
    expect(JSON.parse(text)).toEqual({ address: "127.0.0.1", owner: linuxProcesses().currentUser() });
  });

  test.if(runCommand(["which", "lsof"]) !== undefined)("agrees with lsof, read as on macOS", async () => {
    await using server = await listen("127.0.0.1");
    const source = { system: "darwin", run: runCommand } as const;
    const throughLsof = await findPortHolder(server.port, linuxProcesses(), "127.0.0.1", source);
    expect(throughLsof).toBeDefined();
    expect(throughLsof).toEqual(await findPortHolder(server.port, linuxProcesses(), "127.0.0.1"));
  });
});

test("findPortHolder() asks netstat on Windows, for both families", async () => {
  const asked: string[] = [];
  const run = (command: readonly string[]): string => {
    asked.push(command.join(" "));
    return command.includes("TCPv6") ? "  TCP    [::1]:8888   [::]:0   LISTENING   77\r\n" : "Active Connections\r\n";
  };
  const processes = {
    ...linuxProcesses(),
    describe: () => ({ command: "python.exe", owner: "LAB\\ann", parentPid: 1 }),
  };
  expect(await findPortHolder(8888, processes, "::1", { system: "win32", run })).toEqual({
    address: "::1",
    pid: 77,
    command: "python.exe",
    owner: "LAB\\ann",
  });
  expect(asked).toEqual(["netstat -ano -p TCP", "netstat -ano -p TCPv6"]);
});
