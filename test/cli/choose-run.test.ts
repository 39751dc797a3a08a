// `start` without a run: which questions are asked, and which words come of the answers.
import { describe, expect, test } from "bun:test";
import { chooseRun } from "../../src/cli/choose-run.ts";
import type { ListedRun } from "../../src/platforms/platform.ts";
import { rejection } from "../platforms/platform-context.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, makePlatform, type TestContext } from "../tunnel/tunnel-world.ts";
import { fakePrompts } from "./fake-prompts.ts";

const RUNS: readonly ListedRun[] = [
  { id: "slow", name: "run-slow", state: "PENDING", phase: "waiting" },
  { id: "fast", name: "run-fast", state: "RUNNING", phase: "ready", image: "registry/library/python:3" },
];

function contextOf(home: string, runs = RUNS): TestContext {
  return makeAppContext({ home, platforms: [makePlatform({ list: async () => ({ runs, isComplete: true }) })] });
}

describe("chooseRun()", () => {
  test("offers what is ready first, with state and image", async () => {
    await using home = await tempHome();
    const prompts = fakePrompts("fast", "", "", true);
    await chooseRun({}, prompts, contextOf(home.path));
    expect(prompts.asked).toEqual(["Which run?", "Remote port?", "Local port?", "Passwordless SSH?"]);
    const run = fakePrompts("fast");
    await chooseRun({ "local-port": "1" }, run, contextOf(home.path));
    expect(run.offered).toEqual([
      { value: "fast", label: "fast  RUNNING  python:3" },
      { value: "slow", label: "slow  PENDING" },
    ]);
  });

  test.each([
    [["", "", true], { "remote-port": "22", "local-port": "0", ssh: true }, "-lp 0 -rp 22 --ssh"],
    [["", "4567", false], { "remote-port": "22", "local-port": "4567" }, "-lp 4567 -rp 22"],
    [["8000-8002", ""], { "remote-port": "8000-8002", "local-port": "0" }, "-lp 0 -rp 8000-8002"],
  ] as const)("turns the answers %p into words, and says them in one line", async (answers, words, line) => {
    await using home = await tempHome();
    const context = contextOf(home.path);
    expect(await chooseRun({ json: true }, fakePrompts("fast", ...answers), context)).toEqual({
      json: true,
      run: "fast",
      ...words,
    });
    expect(context.notes).toEqual([`The same in one line: runtunnel start fast ${line}`]);
  });

  test("asks for no port where one is given, and keeps it", async () => {
    await using home = await tempHome();
    const words = { "remote-port": "8888" };
    expect(await chooseRun(words, fakePrompts("fast"), contextOf(home.path))).toEqual({ ...words, run: "fast" });
  });

  test("refuses what is no port", async () => {
    await using home = await tempHome();
    expect(await rejection(chooseRun({}, fakePrompts("fast", "ssh"), contextOf(home.path)))).toMatchObject({
      message: "Give a port such as 22, or a range such as 8000-8002",
    });
  });

  test("says so where there is nothing to choose", async () => {
    await using home = await tempHome();
    expect(await rejection(chooseRun({}, fakePrompts(), contextOf(home.path, [])))).toMatchObject({
      code: "no-runs",
      exitCode: 5,
    });
  });
});
