// Everything killed at every step of start and stop, and what else befalls machines: the next command heals it, and
// nobody else's process is ever touched.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type FSWatcher, watch } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kill, Scratch } from "../e2e/support/scratch.ts";
import { openSandbox, type TestSandbox } from "../sandbox/sandbox-fixture.ts";
import { closedPort } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";

setDefaultTimeout(120_000);

/** Counts changes of files below a home, and strikes at one of them. */
class ChangeWatch implements Disposable {
  readonly #watcher: FSWatcher;
  count = 0;

  constructor(home: string, strikeAt: number, strike: () => void) {
    this.#watcher = watch(home, { recursive: true }, () => {
      this.count += 1;
      if (this.count === strikeAt) strike();
    });
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}

function killAll(user: Scratch): void {
  for (const pid of user.processes()) kill(pid, "SIGKILL");
}

async function makeFolders(user: Scratch): Promise<void> {
  for (const folder of [".ssh", ".local/state/runtunnel/tunnels"]) {
    await mkdir(join(user.home, folder), { recursive: true, mode: 0o700 });
  }
}

/** Moments at which everything is killed, spread over all changes of files that a command makes. */
const STRIKES = 6;

const START = ["start", "1001", "-lp", "0", "-rp", "22", "--ssh"];

/** Keys of ours that accounts of the run still let in. */
async function remoteKeys(sandbox: TestSandbox): Promise<number> {
  const names = await readdir(sandbox.folder, { recursive: true });
  const files = names.filter((name) => name.endsWith("authorized_keys"));
  const texts = await Promise.all(files.map((name) => readFile(join(sandbox.folder, name), "utf8")));
  return texts
    .join("")
    .split("\n")
    .filter((line) => line.includes("runtunnel")).length;
}

/** What one command does to files, counted without harm. */
async function countChanges(sandbox: TestSandbox, words: readonly string[], isStarted: boolean): Promise<number> {
  await using user = await Scratch.create(sandbox.environment);
  await makeFolders(user);
  if (isStarted) await user.startTunnel(START.slice(1));
  using changes = new ChangeWatch(user.home, -1, () => undefined);
  const result = await user.run(words);
  expect(result.exitCode, result.stderr).toBe(0);
  const { count } = changes;
  await user.run(["stop"]);
  return count;
}

/** Kills everything at one change, and has the next command heal it. */
async function crash(sandbox: TestSandbox, words: readonly string[], strikeAt: number): Promise<void> {
  const isStop = words[0] === "stop";
  await using user = await Scratch.create(sandbox.environment);
  await makeFolders(user);
  if (isStop) await user.startTunnel(START.slice(1));
  {
    using _changes = new ChangeWatch(user.home, strikeAt, () => killAll(user));
    await user.run(words);
  }
  killAll(user);
  const healed = await user.run(["stop", "--force"]);
  expect(healed.exitCode, `strike ${strikeAt}: ${healed.stderr}`).toBe(0);
  await user.expectNothingLeft(/^\.local\/state\/runtunnel\/(?:logs\/|tunnels\/(?:lock|[^/]*\.tmp)$)/);
  const again = await user.run(START);
  expect(again.exitCode, `strike ${strikeAt}: ${again.stderr}`).toBe(0);
  expect((await user.run(["stop"])).exitCode).toBe(0);
  // The beginnings of a record whose name nobody knows stay for an hour: their writer may live.
  await user.expectNothingLeft(/^\.local\/state\/runtunnel\/(?:logs\/|tunnels\/\.[^/]*\.json\.[0-9a-f]{12}\.tmp$)/);
}

describe.concurrent("after kill -9 of everything at once", () => {
  test.each([
    ["start", START, false],
    ["stop", ["stop"], true],
  ] as const)("at any step of %s, the next command heals it", async (_what, words, isStarted) => {
    await using sandbox = await openSandbox();
    const total = await countChanges(sandbox, words, isStarted);
    expect(total).toBeGreaterThan(5);
    const strikes = Array.from(
      { length: STRIKES },
      (_, index) => 1 + Math.round((index * (total - 1)) / (STRIKES - 1)),
    );
    const lanes = [0, 1, 2].map(async (lane) => {
      for (const strikeAt of strikes.filter((_, index) => index % 3 === lane)) await crash(sandbox, words, strikeAt);
    });
    await Promise.all(lanes);
    expect(await remoteKeys(sandbox)).toBe(0);
  });
});

describe.concurrent("records of processes that are no more", () => {
  /** A tunnel that was killed, and its record with other words in it. */
  async function deadRecord(user: Scratch, change: (record: Record<string, unknown>) => void): Promise<string> {
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    kill(tunnel.pid, "SIGKILL");
    const path = join(user.recordFolder, `${tunnel.id}.json`);
    const record = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    change(record);
    await writeFile(path, JSON.stringify(record));
    return path;
  }

  test.each([
    [
      "a living process with another start time",
      (identity: Record<string, unknown>) => ({ ...identity, startedAt: "1" }),
    ],
    ["a process of another boot", (identity: Record<string, unknown>) => ({ ...identity, bootId: "another" })],
  ])("never have %s signalled", async (_what, change) => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const stranger = Bun.spawn(["sleep", "1000"]);
    try {
      const path = await deadRecord(user, (record) => {
        const identity = record["process"] as Record<string, unknown>;
        record["process"] = { ...change(identity), pid: stranger.pid };
      });
      expect((await user.list()).map(({ state }) => state)).toEqual(["dead"]);
      const stopped = await user.run(["stop", "--force"]);
      expect(stopped.exitCode, stopped.stderr).toBe(0);
      expect(stranger.exitCode).toBeNull();
      expect(stranger.signalCode).toBeNull();
      expect(await readFile(path, "utf8").catch(() => "")).toBe("");
    } finally {
      stranger.kill("SIGKILL");
      await stranger.exited;
    }
  });
});

describe.concurrent("a living tunnel", () => {
  test("that hangs is shown so, and ended by stop", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(START.slice(1));
    kill(tunnel.pid, "SIGSTOP");
    expect((await user.list()).map(({ state }) => state)).toEqual(["hanging"]);
    const stopped = await user.run(["stop", "1001", "-t", "500"]);
    expect(stopped.exitCode, stopped.stderr).toBe(0);
    await user.expectNothingLeft();
    expect(await remoteKeys(sandbox)).toBe(0);
  });

  test("comes back into the registry when its state folder was removed", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await rm(user.stateFolder, { recursive: true });
    await eventually(async () => expect((await user.list()).map(({ pid }) => pid)).toEqual([tunnel.pid]), {
      timeoutMs: 30_000,
    });
    expect((await user.run(["stop"])).exitCode).toBe(0);
    await user.expectNothingLeft();
  });
});

describe("commands at the same time", () => {
  test("give one port to one tunnel", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const port = String(await closedPort());
    const results = await Promise.all(
      Array.from({ length: 6 }, () => user.run(["start", "1001", "-lp", port, "-rp", "22"])),
    );
    expect(results.map(({ exitCode }) => exitCode).sort()).toEqual([0, 3, 3, 3, 3, 3]);
    expect((await user.list()).length).toBe(1);
    expect((await user.run(["stop"])).exitCode).toBe(0);
    await user.expectNothingLeft();
  });

  test("never leave half of anything: start against stop", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    for (let round = 0; round < 4; round += 1) {
      const started = user.run(START);
      await eventually(async () =>
        expect((await readdir(user.recordFolder).catch(() => [])).length).toBeGreaterThan(0),
      );
      // Further on in the start with each round.
      await eventually(async () => {
        const files = await user.files();
        expect(files.length, `round ${round}: ${files.join(" ")}`).toBeGreaterThan(round * 2);
      });
      const stopped = await user.run(["stop", "1001"]);
      expect(stopped.exitCode, stopped.stderr).toBe(0);
      const { exitCode, stderr } = await started;
      expect([0, 130], stderr).toContain(exitCode);
      expect((await user.run(["stop", "1001"])).exitCode).toBe(0);
      await user.expectNothingLeft();
    }
    expect(await remoteKeys(sandbox)).toBe(0);
  });

  test("leave the registry and the SSH files sound, fifty of them", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const mixed = Array.from({ length: 50 }, (_, index) => {
      switch (index % 5) {
        case 0:
          return user.run(["start", "1001", "-lp", "0", "-rp", "22", "-s", "-sh", `alias-${index}`]);
        case 1:
          return user.run(["list", "--json"]);
        case 2:
          return user.run(["start", "1002", "-lp", "0", "-rp", "22"]);
        case 3:
          return user.run(["status", "1001", "--json"]);
        default:
          return user.run(["stop", "1003"]);
      }
    });
    const results = await Promise.all(mixed);
    for (const [index, result] of results.entries()) {
      if (index % 5 === 0) expect(result.exitCode, result.stderr).toBe(0);
      expect(result.stderr).not.toContain("internal");
    }
    expect((await user.list()).filter(({ state }) => state === "healthy").length).toBe(10);
    expect((await user.run(["stop"])).exitCode).toBe(0);
    await user.expectNothingLeft();
    expect(await remoteKeys(sandbox)).toBe(0);
  });
});
