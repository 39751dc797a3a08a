import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { LocalError } from "../../../src/domain/errors.ts";
import { type BackgroundOptions, startBackground } from "../../../src/os/background/start-background.ts";
import { linuxProcesses } from "../../../src/os/processes/linux.ts";
import { eventually } from "../../support/eventually.ts";
import { tempHome } from "../../support/temp-home.ts";

const PARENT = Bun.fileURLToPath(import.meta.resolve("./background-parent.ts"));
const PATH = process.env["PATH"] ?? "";

function shell(script: string, changes: Partial<BackgroundOptions> = {}): BackgroundOptions {
  return { command: ["/bin/sh", "-c", script], environment: { PATH }, input: "", workingFolder: "/", ...changes };
}

describe("startBackground()", () => {
  test("gives input, environment and folder, and appends the output", async () => {
    await using home = await tempHome();
    const outputFile = join(home.path, "out");
    const script = 'cat; pwd; env; echo "to stderr" >&2';
    const options = shell(script, { input: "secret\n", outputFile, workingFolder: home.path, environment: { A: "b" } });
    for (const _ of [1, 2]) {
      const child = await startBackground(options);
      expect(await child.exited).toEqual({ code: 0, signal: null });
    }
    const once = readFileSync(outputFile, "utf8").split("to stderr\n")[0] ?? "";
    expect(readFileSync(outputFile, "utf8")).toBe(`${once}to stderr\n`.repeat(2));
    expect(once.startsWith(`secret\n${home.path}\n`)).toBe(true);
    expect(once).toContain("A=b\n");
    expect(once).not.toContain("HOME=");
    expect(statSync(outputFile).mode & 0o777).toBe(0o600);
  });

  test("passes a large input whole", async () => {
    await using home = await tempHome();
    const outputFile = join(home.path, "out");
    const child = await startBackground(shell("wc -c", { input: "x".repeat(3_000_000), outputFile }));
    await child.exited;
    expect(readFileSync(outputFile, "utf8").trim()).toBe("3000000");
  });

  test("does not wait for a process that ends without reading its input", async () => {
    const child = await startBackground(shell("exit 3", { input: "x".repeat(3_000_000) }));
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  test("reports a signal, and kill() ends it", async () => {
    const child = await startBackground(shell("exec sleep 600"));
    child.kill();
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    child.kill();
  });

  test.each([
    ["a missing program", { command: ["/no/such/program"] }],
    ["a missing folder", { workingFolder: "/no/such/folder" }],
    ["no command", { command: [] }],
    ["an output file that cannot be", { outputFile: "/no/such/folder/out" }],
  ] as const)("refuses %s", async (_, changes) => {
    const error = await startBackground(shell("true", changes)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LocalError);
  });

  test.if(process.platform === "linux")("runs in a session of its own, without our sockets", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const child = await startBackground(shell("exec sleep 600"));
    try {
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ");
      const [group, session, terminal] = stat.slice(4, 7);
      expect([group, session, terminal]).toEqual([String(child.pid), String(child.pid), "0"]);
      await eventually(() => {
        const files = readdirSync(`/proc/${child.pid}/fd`).sort();
        // sleep has its three standard files and nothing of ours.
        expect(files).toEqual(["0", "1", "2"]);
        expect(readlinkSync(`/proc/${child.pid}/fd/1`)).toBe("/dev/null");
      });
    } finally {
      child.kill();
      server.close();
    }
  });

  test.if(process.platform === "linux")("outlives its parent, its parent's group and its terminal", async () => {
    await using home = await tempHome();
    const outputFile = join(home.path, "out");
    const script = 'cat; echo "$GREETING"; exec sleep 600';
    const parent = [process.execPath, PARENT, outputFile, "sh", "-c", script];
    // script(1) gives the parent a terminal and takes it away at the end, which sends SIGHUP to the session.
    const terminal = spawnSync(
      "script",
      ["-qec", `${parent.map((part) => `'${part}'`).join(" ")}; kill -INT 0`, "/dev/null"],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const pid = Number(terminal.stdout.split("\n")[0]);
    const processes = linuxProcesses();
    const identity = processes.find(pid);
    expect(identity).toBeDefined();
    if (identity === undefined) return;
    await eventually(() => expect(readFileSync(outputFile, "utf8")).toBe("input\nhello\n"));
    expect(processes.isAlive(identity)).toBe(true);
    expect(processes.signal(identity, "kill")).toBe(true);
    await eventually(() => expect(processes.isAlive(identity)).toBe(false));
  });

  test("release() lets the parent end at once", async () => {
    await using home = await tempHome();
    const args = [PARENT, join(home.path, "out"), "sleep", "600"];
    const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    parent.stdout.on("data", (chunk) => {
      text += String(chunk);
    });
    expect(await new Promise((resolve) => parent.once("close", resolve))).toBe(0);
    const child = linuxProcesses().find(Number(text));
    if (child !== undefined) linuxProcesses().signal(child, "kill");
    expect(process.platform !== "linux" || child !== undefined).toBe(true);
  });
});
