import { describe, expect, test } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InterruptedError, UnreachableError } from "../../src/domain/errors.ts";
import { remoteKeyEntry } from "../../src/ssh/remote/remote-entry.ts";
import { healRegistry } from "../../src/tunnel/heal.ts";
import { listTunnels } from "../../src/tunnel/list.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord, makeSpec } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, makePlatform, type TestContext } from "./tunnel-world.ts";

const contextIn = (home: string): TestContext =>
  makeAppContext({ home, processes: new FakeProcesses(makeIdentity(101)) });

describe("healRegistry()", () => {
  test("takes away records of dead tunnels and nobody else's", async () => {
    await using home = await tempHome();
    const context = contextIn(home.path);
    await context.registry.write(makeRecord({ id: "alive" }));
    await context.registry.write(makeRecord({ id: "dead", process: makeIdentity(999) }));
    await context.registry.write(makeRecord({ id: "rebooted", process: { ...makeIdentity(101), bootId: "old" } }));
    await context.registry.write(makeRecord({ id: "elsewhere", machine: "laptop", process: makeIdentity(999) }));
    const { process: _, ...launching } = makeRecord({ id: "launching" });
    await context.registry.write(launching);
    await context.registry.write({ ...launching, id: "abandoned", launcher: makeIdentity(999) });
    await healRegistry(context);
    const { records } = await context.registry.list();
    expect(records.map(({ id }) => id).sort()).toEqual(["alive", "elsewhere", "launching"]);
    expect(context.notes).toEqual([]);
  });

  test("sets damaged files aside and says so, but leaves those of a newer program", async () => {
    await using home = await tempHome();
    const context = contextIn(home.path);
    const folder = join(home.path, "state", "tunnels");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, "cut.json"), "{");
    await writeFile(join(folder, "newer.json"), '{"format":99}');
    await healRegistry(context);
    expect((await readdir(folder)).sort()).toEqual(["cut.json.damaged", "newer.json"]);
    expect(context.notes).toEqual([expect.stringContaining(`set aside as "${join(folder, "cut.json")}.damaged"`)]);
    await healRegistry(context);
    expect(context.notes.length).toBe(1);
  });

  test("leaves a failure to the command that waits to read it", async () => {
    await using home = await tempHome();
    const context = contextIn(home.path);
    const failed = makeRecord({ id: "read", state: "failed", process: makeIdentity(999) });
    await context.registry.write(failed);
    await context.registry.write({ ...failed, id: "unread", launcher: makeIdentity(999) });
    await context.registry.write({ ...failed, id: "here", mode: "foreground" });
    await healRegistry(context);
    expect((await context.registry.list()).records.map(({ id }) => id)).toEqual(["read"]);
  });

  test("waits for all runs out of reach together, not for one after the other", async () => {
    await using home = await tempHome();
    let waiting = 0;
    const all = Promise.withResolvers<void>();
    const platform = makePlatform({
      async resolve(): Promise<never> {
        waiting += 1;
        if (waiting === 3) all.resolve();
        await all.promise;
        throw new UnreachableError("Cannot reach the platform");
      },
    });
    const context = makeAppContext({ home: home.path, platforms: [platform] });
    const journal = [remoteKeyEntry({ accounts: ["root"], line: "ssh-ed25519 AAAA x", system: "linux" })];
    for (const id of ["one", "two", "three"]) {
      const spec = makeSpec({ platform: "test", run: "1" });
      await context.registry.write(makeRecord({ id, spec, journal, process: makeIdentity(999) }));
    }
    await healRegistry(context);
    expect(context.notes).toHaveLength(3);
    expect((await context.registry.list()).records).toEqual([]);
  });

  test("does not keep an interrupted command waiting, nor forget what is left to do", async () => {
    await using home = await tempHome();
    const controller = new AbortController();
    const platform = makePlatform({
      resolve(): Promise<never> {
        setImmediate(() => controller.abort(new InterruptedError()));
        return new Promise(() => undefined);
      },
    });
    const context = makeAppContext({ home: home.path, platforms: [platform], signal: controller.signal });
    const journal = [remoteKeyEntry({ accounts: ["root"], line: "ssh-ed25519 AAAA x", system: "linux" })];
    const spec = makeSpec({ platform: "test", run: "1" });
    await context.registry.write(makeRecord({ id: "dead", spec, journal, process: makeIdentity(999) }));
    await expect(healRegistry(context)).rejects.toMatchObject({ exitCode: 130 });
    expect((await context.registry.list()).records).toHaveLength(1);
  });

  test("may be run by many at once", async () => {
    await using home = await tempHome();
    const context = contextIn(home.path);
    for (let index = 0; index < 10; index += 1) {
      await context.registry.write(makeRecord({ id: `dead-${index}`, process: makeIdentity(999) }));
    }
    await writeFile(join(home.path, "state", "tunnels", "cut.json"), "{");
    await Promise.all(Array.from({ length: 10 }, () => healRegistry(context)));
    expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
    expect(context.notes.length).toBe(1);
  });

  test("does nothing where nothing was ever started", async () => {
    await using home = await tempHome();
    await healRegistry(contextIn(home.path));
    expect(await readdir(home.path)).toEqual([]);
  });
});

describe("listTunnels()", () => {
  test("shows what the registry holds without changing it", async () => {
    await using home = await tempHome();
    const context = contextIn(home.path);
    const { process: _, ...launching } = makeRecord({ id: "launching", createdAt: 1 });
    await context.registry.write(launching);
    await context.registry.write(makeRecord({ id: "dead", createdAt: 2, process: makeIdentity(999) }));
    await context.registry.write(
      makeRecord({ id: "elsewhere", createdAt: 3, machine: "laptop", process: makeIdentity(101, "7") }),
    );
    await context.registry.write(makeRecord({ id: "failed", createdAt: 4, state: "failed" }));
    await context.registry.write(makeRecord({ id: "up", createdAt: 5, control: { port: 1, token: "t" } }));
    await writeFile(join(home.path, "state", "tunnels", "cut.json"), "{");
    const { tunnels, damaged } = await listTunnels({}, context);
    expect(tunnels.map(({ record, state }) => `${record.id} ${state}`)).toEqual([
      "launching starting",
      "dead dead",
      "elsewhere elsewhere",
      "failed failed",
      "up hanging",
    ]);
    expect(damaged.length).toBe(1);
    expect((await context.registry.list()).records.length).toBe(5);
  });
});
