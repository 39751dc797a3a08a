import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/os/system-clock.ts";
import { Registry } from "../../src/registry/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";

// Real processes on a loaded machine.
setDefaultTimeout(60_000);

function registryIn(stateFolder: string, processes = new FakeProcesses(makeIdentity(101))): Registry {
  return new Registry({ stateFolder, processes, clock: new FakeClock() });
}

describe("Registry", () => {
  test("is empty where there is no folder yet, and makes none by looking", async () => {
    await using home = await tempHome();
    const registry = registryIn(join(home.path, "state"));
    expect(await registry.list()).toEqual({ records: [], damaged: [] });
    expect(await registry.find("56819-0a1b2c3d")).toBeUndefined();
    await registry.remove("56819-0a1b2c3d");
    expect(await readdir(home.path)).toEqual([]);
  });

  test("finds, lists and removes what was written", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    const record = makeRecord();
    await registry.write(record);
    expect(await registry.find(record.id)).toEqual(record);
    expect(await registry.list()).toEqual({ records: [record], damaged: [] });
    await registry.write({ ...record, state: "stopping" });
    expect((await registry.find(record.id))?.state).toBe("stopping");
    await registry.remove(record.id);
    await registry.remove(record.id);
    expect(await registry.list()).toEqual({ records: [], damaged: [] });
  });

  test.skipIf(process.platform === "win32")("keeps folder and files from other users", async () => {
    await using home = await tempHome();
    await registryIn(join(home.path, "state")).write(makeRecord());
    const folder = join(home.path, "state", "tunnels");
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "56819-0a1b2c3d.json"))).mode & 0o777).toBe(0o600);
  });

  test("lists the oldest first, by id where they are equally old", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    for (const [id, createdAt] of [
      ["c", 5],
      ["b", 9],
      ["a", 9],
      ["d", 1],
    ] as const) {
      await registry.write(makeRecord({ id, createdAt }));
    }
    expect((await registry.list()).records.map(({ id }) => id)).toEqual(["d", "c", "a", "b"]);
  });

  test("reports damaged files beside the good ones", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    await registry.write(makeRecord());
    const folder = join(home.path, "tunnels");
    await writeFile(join(folder, "cut.json"), '{"format":1,');
    await writeFile(join(folder, "newer.json"), '{"format":99}');
    await writeFile(join(folder, "huge.json"), "");
    await truncate(join(folder, "huge.json"), 5 * 1024 ** 3);
    await mkdir(join(folder, "folder.json"));
    await symlink("nowhere", join(folder, "dangling.json"));
    await writeFile(join(folder, "notes.txt"), "not ours");
    await writeFile(join(folder, "lock"), "");
    const { records, damaged } = await registry.list();
    expect(records.map(({ id }) => id)).toEqual(["56819-0a1b2c3d"]);
    const found = damaged.map(({ path, newer }) => `${path.slice(folder.length + 1)}${newer ? " newer" : ""}`);
    expect(found.sort()).toEqual(["cut.json", "folder.json", "huge.json", "newer.json newer"]);
    expect(damaged.filter(({ unreadable }) => unreadable)).toEqual([]);
    for (const { path, message } of damaged) expect(message).toContain(path);
    expect(registry.find("cut")).rejects.toMatchObject({ code: "record-damaged" });
  });

  test.skipIf(process.platform !== "linux")(
    "does not take a file for damaged that it could not read just now",
    async () => {
      await using home = await tempHome();
      const registry = registryIn(home.path);
      await registry.write(makeRecord());
      const path = join(home.path, "tunnels", "failing.json");
      // Reading the unmapped start of a process's memory is an input/output error, as a broken disk gives.
      await symlink("/proc/self/mem", path);
      const { damaged, records } = await registry.list();
      expect(records.length).toBe(1);
      expect(damaged).toMatchObject([{ path, newer: false, unreadable: true }]);
    },
  );

  test("takes a copy of another record for damaged, since removing it would hit the wrong file", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    await registry.write(makeRecord({ id: "one" }));
    const folder = join(home.path, "tunnels");
    await Bun.write(join(folder, "copy.json"), Bun.file(join(folder, "one.json")));
    const { records, damaged } = await registry.list();
    expect(records.map(({ id }) => id)).toEqual(["one"]);
    expect(damaged.map(({ path }) => path)).toEqual([join(folder, "copy.json")]);
  });

  test("sets damaged files aside, whoever is first", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    const folder = join(home.path, "tunnels");
    await mkdir(folder, { mode: 0o700 });
    await writeFile(join(folder, "cut.json"), "{");
    const [file] = (await registry.list()).damaged;
    if (file === undefined) throw new Error("Nothing is damaged");
    const set = await Promise.all([registry.setAside(file), registry.setAside(file), registry.setAside(file)]);
    expect(set.sort()).toEqual([false, false, true]);
    expect(await readdir(folder)).toEqual(["cut.json.damaged"]);
    expect(await registry.list()).toEqual({ records: [], damaged: [] });
  });

  test("never shows half a record while several processes write the same one", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    await registry.write(makeRecord({ id: "one", phase: "0" }));
    const writers = Array.from({ length: 3 }, () =>
      Bun.spawn({
        cmd: [process.execPath, join(import.meta.dir, "registry-writer.ts"), home.path, "one", "40"],
        stdout: "ignore",
        stderr: "pipe",
      }),
    );
    const ended = Promise.all(writers.map((writer) => writer.exited));
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const seen = new Set<string>();
    while (!isOver) {
      const { records, damaged } = await registry.list();
      expect(damaged).toEqual([]);
      const [record] = records;
      seen.add(record?.phase ?? "none");
      if (record?.phase !== "0") expect(record?.runName).toBe((record?.phase ?? "").repeat(1000));
    }
    expect(await ended).toEqual([0, 0, 0]);
    expect(seen.size).toBeGreaterThan(3);
    expect(seen).not.toContain("none");
    expect((await readdir(join(home.path, "tunnels"))).filter((name) => !name.endsWith(".json"))).toEqual([]);
  });
});

describe("Registry.liveness()", () => {
  const liveness = (record: Parameters<typeof makeRecord>[0]): string =>
    registryIn("/nonexistent").liveness(makeRecord(record));
  const noProcess = (launcher: number): ReturnType<typeof makeRecord> => {
    const { process: _, ...rest } = makeRecord({ launcher: makeIdentity(launcher) });
    return rest;
  };

  test.each<[string, Parameters<typeof makeRecord>[0], string]>([
    ["a living process", {}, "alive"],
    ["a living process whose launcher is gone", { launcher: makeIdentity(999) }, "alive"],
    ["a dead process, even where its launcher lives", { process: makeIdentity(102) }, "dead"],
    ["a process whose number another one has now", { process: makeIdentity(101, "200") }, "dead"],
    ["a process of an earlier boot", { process: { ...makeIdentity(101), bootId: "earlier" } }, "dead"],
    ["a process on another machine", { machine: "laptop", process: makeIdentity(102) }, "elsewhere"],
    ["a process that knew this machine by another name", { machine: "desk.example" }, "alive"],
  ])("of %s", (_what, record, expected) => {
    expect(liveness(record)).toBe(expected as never);
  });

  test("of a tunnel that has no process yet is its launcher's", () => {
    const registry = registryIn("/nonexistent");
    expect(registry.liveness(noProcess(100))).toBe("starting");
    expect(registry.liveness(noProcess(999))).toBe("dead");
  });
});

describe("Registry.locked()", () => {
  test("lets one at a time decide, and gives results and errors through", async () => {
    await using home = await tempHome();
    const registry = new Registry({ stateFolder: home.path, processes: new FakeProcesses(), clock: systemClock() });
    let inside = 0;
    let most = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        registry.locked(async () => {
          inside += 1;
          most = Math.max(most, inside);
          await readdir(home.path);
          inside -= 1;
          if (index % 3 === 0) throw new Error(`number ${index}`);
          return index;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(results.map((result) => result.status === "fulfilled")).toEqual(results.map((_, index) => index % 3 !== 0));
    expect((await registry.list()).damaged).toEqual([]);
  });

  test("breaks the lock of a dead process and respects that of a living one", async () => {
    await using home = await tempHome();
    const processes = new FakeProcesses();
    const clock = systemClock();
    const registry = new Registry({ stateFolder: home.path, processes, clock });
    const dying = new Registry({
      stateFolder: home.path,
      processes: Object.assign(new FakeProcesses(), { self: () => makeIdentity(666) }),
      clock,
    });
    const entered = Promise.withResolvers<void>();
    const never = dying.locked(() => {
      entered.resolve();
      return new Promise<never>(() => undefined);
    });
    never.catch(() => undefined);
    await entered.promise;
    expect(await registry.locked(async () => "mine")).toBe("mine");
  });

  test("gives up when it is aborted", async () => {
    await using home = await tempHome();
    const registry = registryIn(home.path);
    await expect(registry.locked(async () => "never", AbortSignal.abort())).rejects.toThrow();
  });
});
