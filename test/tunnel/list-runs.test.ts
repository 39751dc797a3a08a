// Runs of several platforms in one list, with what to type for each and the tunnels that lead there.
import { describe, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AuthError, UnreachableError } from "../../src/domain/errors.ts";
import type { ListedRun, Platform } from "../../src/platforms/platform.ts";
import { recallRuns } from "../../src/tunnel/known-runs.ts";
import { findRuns } from "../../src/tunnel/list-runs.ts";
import { rejection } from "../platforms/platform-context.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, makePlatform } from "./tunnel-world.ts";

const run = (id: string, wishes: Partial<ListedRun> = {}): ListedRun => ({
  id,
  name: `run-${id}`,
  state: "RUNNING",
  phase: "ready",
  ...wishes,
});

/** A platform that knows these runs. */
function listing(name: string, runs: readonly ListedRun[], wishes: Partial<Platform> = {}): Platform {
  return makePlatform({ name, prefix: name, title: name, list: async () => ({ runs, isComplete: true }), ...wishes });
}

/** Wins every name that several platforms know. */
const CERTAIN: Partial<Platform> = { recognise: (id) => ({ id, claim: "certain" }) };

const ALL = { ended: false, limit: 10 };

describe("findRuns()", () => {
  test("says what to type: the id, with a prefix where it alone would mean another platform's run", async () => {
    await using home = await tempHome();
    const numbers = listing("numbers", [run("7")], {
      recognise: (name) => (/^\d+$/.test(name) ? { id: name, claim: "certain" } : undefined),
    });
    const words = listing("words", [run("7"), run("demo")]);
    const { runs } = await findRuns(ALL, makeAppContext({ home: home.path, platforms: [numbers, words] }));
    expect(runs.map(({ platform, reference }) => [platform, reference])).toEqual([
      ["numbers", "7"],
      ["words", "words:7"],
      ["words", "demo"],
    ]);
  });

  test("goes on where one platform fails, and tells its failure", async () => {
    await using home = await tempHome();
    const error = new UnreachableError("No answer");
    const broken = listing("broken", [], { list: () => Promise.reject(error) });
    const context = makeAppContext({ home: home.path, platforms: [broken, listing("fine", [run("a")], CERTAIN)] });
    const found = await findRuns(ALL, context);
    expect(found.runs.map(({ reference }) => reference)).toEqual(["a"]);
    expect(found.failures).toEqual([{ platform: "broken", error }]);
  });

  test("throws what went wrong where no platform answered", async () => {
    await using home = await tempHome();
    const broken = listing("broken", [], { list: () => Promise.reject(new AuthError("Refused")) });
    const context = makeAppContext({ home: home.path, platforms: [broken] });
    expect(await rejection(findRuns(ALL, context))).toMatchObject({ message: "Refused", exitCode: 4 });
  });

  test("passes on what is no failure of a platform but a bug", async () => {
    await using home = await tempHome();
    const broken = listing("broken", [], { list: () => Promise.reject(new TypeError("bug")) });
    const context = makeAppContext({ home: home.path, platforms: [broken, listing("fine", [])] });
    expect(await rejection(findRuns(ALL, context))).toBeInstanceOf(TypeError);
  });

  test.each([
    ["nothing is set up", {}, "not-configured"],
    ["a platform is named that lists nothing", { platform: "plain" }, "usage"],
    ["a platform is named that there is not", { platform: "moon" }, "usage"],
  ])("is a usage error where %s", async (_what, options, code) => {
    await using home = await tempHome();
    const platforms = [listing("one", [], { isConfigured: async () => false }), makePlatform({ name: "plain" })];
    const context = makeAppContext({ home: home.path, platforms });
    expect(await rejection(findRuns({ ...ALL, ...options }, context))).toMatchObject({ code, exitCode: 2 });
  });

  test("asks a platform that is named by its name or prefix, configured or not", async () => {
    await using home = await tempHome();
    const platforms = [listing("one", [run("a")], { prefix: "o", isConfigured: async () => false })];
    const context = makeAppContext({ home: home.path, platforms });
    for (const platform of ["one", "o"]) expect((await findRuns({ ...ALL, platform }, context)).runs).toHaveLength(1);
  });

  test("keeps live runs for completion, for nobody else to read", async () => {
    await using home = await tempHome();
    const platforms = [listing("one", [run("a"), run("b", { phase: "ended" })])];
    const context = makeAppContext({ home: home.path, platforms });
    await findRuns(ALL, context);
    expect(await recallRuns(context.folders.state)).toEqual([{ reference: "a", platform: "one", state: "RUNNING" }]);
    expect((await stat(join(context.folders.state, "known-runs.json"))).mode & 0o777).toBe(0o600);
  });
});

describe("rememberRuns()", () => {
  test("keeps the runs of platforms that were not asked, or did not answer", async () => {
    await using home = await tempHome();
    let isBroken = false;
    const other = listing("other", [run("x")], {
      ...CERTAIN,
      list: async () => {
        if (isBroken) throw new UnreachableError("No answer");
        return { runs: [run("x")], isComplete: true };
      },
    });
    const one = listing("one", [run("a")], { recognise: (id) => (id === "a" ? { id, claim: "certain" } : undefined) });
    const context = makeAppContext({ home: home.path, platforms: [one, other] });
    const known = async (): Promise<readonly string[]> =>
      (await recallRuns(context.folders.state)).map(({ platform }) => platform).sort();
    await findRuns(ALL, context);
    expect(await known()).toEqual(["one", "other"]);
    await findRuns({ ...ALL, platform: "one" }, context);
    expect(await known()).toEqual(["one", "other"]);
    isBroken = true;
    await findRuns(ALL, context);
    expect(await known()).toEqual(["one", "other"]);
  });
});

describe("recallRuns()", () => {
  test.each([
    ["nothing", undefined],
    ["half a file", '{"version": 1, "ru'],
    ["another version", '{"version": 2, "runs": []}'],
    ["something else", "[1, 2]"],
  ])("takes %s for no runs", async (_what, text) => {
    await using home = await tempHome();
    if (text !== undefined) await Bun.write(join(home.path, "known-runs.json"), text);
    expect(await recallRuns(home.path)).toEqual([]);
    if (text !== undefined) expect(await readFile(join(home.path, "known-runs.json"), "utf8")).toBe(text);
  });
});
