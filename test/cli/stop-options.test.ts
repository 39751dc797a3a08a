import { describe, expect, test } from "bun:test";
import { stopOptions } from "../../src/cli/commands/stop.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { UsageError } from "../../src/domain/errors.ts";
import type { StopOptions } from "../../src/tunnel/stop.ts";
import { makeWorld } from "./cli-world.ts";

async function readStop(line: string): Promise<StopOptions> {
  const parsed = await parseCommandLine(makeWorld(line.split(" ")));
  if (parsed.kind === "help") throw new Error("Help was printed");
  return stopOptions(parsed.words);
}

const DEFAULTS: StopOptions = { timeoutMs: 10_000, force: false, ignoreOwner: false };

describe("stop", () => {
  test.each<[string, Partial<StopOptions>]>([
    ["stop", {}],
    ["tunnel stop", {}],
    ["stop 56819", { run: "56819" }],
    ["stop pipeline-56819 --platform cp", { run: "pipeline-56819", platform: "cp" }],
    ["stop -lp 4567", { localPorts: [4567] }],
    ["stop -lp=4567", { localPorts: [4567] }],
    ["stop -lp 4567-4569", { localPorts: [4567, 4568, 4569] }],
    ["stop -lp 4567,5000-5001", { localPorts: [4567, 5000, 5001] }],
    ["stop -t 250", { timeoutMs: 250 }],
    ["stop -t 2s", { timeoutMs: 2000 }],
    ["stop -ts 5", { timeoutMs: 5000 }],
    ["stop -t 250 -ts 5", { timeoutMs: 250 }],
    ["stop -t 0", { timeoutMs: 0 }],
    ["stop -f", { force: true }],
    ["stop --force", { force: true }],
    ["stop --ignore-owner 5", { run: "5", ignoreOwner: true }],
  ])("reads %s", async (line, options) => {
    expect(await readStop(line)).toEqual({ ...DEFAULTS, ...options });
  });

  test.each([
    ["stop 1 2", 'Unknown argument "2"'],
    ["stop -lp", "--local-port needs a value"],
    ["stop -lp x", 'Cannot read --local-port "x"'],
    ["stop -t soon", 'Cannot read --timeout "soon"'],
    ["stop --forse", "Unknown option --forse"],
  ])("refuses %s", async (line, message) => {
    await expect(readStop(line)).rejects.toThrow(UsageError);
    await expect(readStop(line)).rejects.toThrow(message);
  });
});
