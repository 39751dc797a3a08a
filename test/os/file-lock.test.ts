import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { link, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConflictError, LocalError } from "../../src/domain/errors.ts";
import type { ProcessIdentity } from "../../src/domain/process-identity.ts";
import { type FileLockOptions, withFileLock } from "../../src/os/file-lock.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { tempHome } from "../support/temp-home.ts";

const LIVING: ProcessIdentity = { pid: 100, startedAt: "1", bootId: "boot" };
const DEAD: ProcessIdentity = { pid: 200, startedAt: "2", bootId: "boot" };

function options(changes: Partial<FileLockOptions> = {}): FileLockOptions & { readonly clock: FakeClock } {
  return {
    self: LIVING,
    isAlive: (identity) => identity.pid === LIVING.pid,
    machine: "here",
    ...changes,
    clock: new FakeClock(),
  };
}

function content(holder: ProcessIdentity, nonce: string, machine = "here"): string {
  return JSON.stringify({ ...holder, machine, nonce });
}

async function makeOlder(path: string, seconds: number): Promise<void> {
  const then = (await stat(path)).mtimeMs / 1000 - seconds;
  await utimes(path, then, then);
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Takes the lock under the fake clock, which jumps over every wait. */
function take<T>(path: string, given: ReturnType<typeof options>, work: () => Promise<T>): Promise<T> {
  return given.clock.runUntil(withFileLock(path, given, work));
}

const nothing = (): Promise<void> => Promise.resolve();

describe("withFileLock()", () => {
  test("names its holder in the file while it runs and leaves nothing behind", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    const text = await withFileLock(path, options(), () => readFile(path, "utf8"));
    expect(JSON.parse(text)).toEqual({ ...LIVING, machine: "here", nonce: expect.stringMatching(/^[0-9a-f]{12}$/) });
    expect(await readdir(home.path)).toEqual([]);
  });

  test("gives back what the work returns or throws, and the lock with it", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    expect(await withFileLock(path, options(), () => Promise.resolve(7))).toBe(7);
    await expect(withFileLock(path, options(), () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(await readdir(home.path)).toEqual([]);
  });

  test("lets one at a time work, also within one process", async () => {
    await using home = await tempHome();
    let working = 0;
    let most = 0;
    const given = options();
    const work = async (): Promise<void> => {
      most = Math.max(most, ++working);
      await readdir(home.path);
      working -= 1;
    };
    const all = Array.from({ length: 20 }, () => withFileLock(join(home.path, "lock"), given, work));
    await given.clock.runUntil(Promise.all(all));
    expect(most).toBe(1);
  });

  test("takes over from a dead holder at once", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(DEAD, "0123456789ab"));
    const given = options();
    expect(await withFileLock(path, given, () => Promise.resolve("done"))).toBe("done");
    expect(given.clock.monotonicMs()).toBe(0);
    expect(await readdir(home.path)).toEqual([]);
  });

  test("takes over when the breaker of the dead lock died, and its breaker too", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(DEAD, "0123456789ab"));
    await writeFile(`${path}.dead-0123456789ab`, content(DEAD, "111111111111"));
    await writeFile(`${path}.dead-0123456789ab.dead-111111111111`, content(DEAD, "222222222222"));
    expect(await take(path, options(), () => Promise.resolve("done"))).toBe("done");
    expect(await readdir(home.path)).toEqual([]);
  });

  test("leaves a dead lock to the living process that is breaking it", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(DEAD, "0123456789ab"));
    await writeFile(`${path}.dead-0123456789ab`, content(LIVING, "111111111111"));
    expect(await errorOf(take(path, options({ timeoutMs: 500 }), nothing))).toBeInstanceOf(ConflictError);
    expect(await readFile(path, "utf8")).toBe(content(DEAD, "0123456789ab"));
  });

  test("spares a lock that was taken anew while the dead holder's marker was fetched", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    const fresh = content(LIVING, "333333333333");
    await writeFile(path, content(DEAD, "0123456789ab"));
    // Another breaker is faster: between our look and our marker it removes the lock, and somebody takes it.
    const makeLink = async (existing: string, created: string): Promise<void> => {
      if (created.includes(".dead-")) await writeFile(path, fresh);
      await link(existing, created);
    };
    expect(await errorOf(take(path, options({ makeLink, timeoutMs: 500 }), nothing))).toBeInstanceOf(ConflictError);
    expect(await readFile(path, "utf8")).toBe(fresh);
    expect(await readdir(home.path)).toEqual(["lock"]);
  });

  test("gives up in time and names the holder", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(LIVING, "0123456789ab"));
    const given = options({ timeoutMs: 500 });
    const error = await errorOf(take(path, given, nothing));
    expect(error).toMatchObject({ code: "locked", exitCode: 3 });
    expect(String(error)).toContain('process 100 on machine "here"');
    expect(given.clock.monotonicMs()).toBeLessThan(600);
    expect(await readdir(home.path)).toEqual(["lock"]);
  });

  test("ends its wait with the signal's reason", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(LIVING, "0123456789ab"));
    const controller = new AbortController();
    const given = options({ signal: controller.signal });
    const waiting = errorOf(withFileLock(path, given, nothing));
    await eventually(() => expect(given.clock.sleeping).toBe(1));
    const reason = new Error("stop");
    controller.abort(reason);
    expect(await waiting).toBe(reason);
  });

  test.each([
    ["lets a process of another machine hold it for a minute", 55, ConflictError],
    ["breaks the lock of another machine after a minute", 65, undefined],
  ] as const)("%s", async (_, ageSeconds, expected) => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, content(DEAD, "0123456789ab", "elsewhere"));
    await makeOlder(path, ageSeconds);
    const error = await errorOf(take(path, options({ timeoutMs: 100 }), nothing));
    expect(error?.constructor).toBe(expected);
  });

  test.each([
    ["", 0.5, ConflictError],
    ["", 3, undefined],
    ['{"pid":', 3, undefined],
    [content(LIVING, "../../../etc"), 3, undefined],
  ] as const)("treats %j as garbage after two seconds (age %d s)", async (text, ageSeconds, expected) => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await writeFile(path, text);
    await makeOlder(path, ageSeconds);
    const error = await errorOf(take(path, options({ timeoutMs: 100 }), nothing));
    expect(error?.constructor).toBe(expected);
    if (expected === undefined) expect(await readdir(home.path)).toEqual([]);
  });

  test("does not give back a lock that somebody else holds by now", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    await withFileLock(path, options(), () => writeFile(path, content(LIVING, "0123456789ab")));
    expect(await readFile(path, "utf8")).toContain("0123456789ab");
  });

  test("works on a file system without hard links", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    const makeLink = (): Promise<void> => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
    await writeFile(path, content(DEAD, "0123456789ab"));
    const given = options({ makeLink });
    let working = 0;
    const work = async (): Promise<void> => {
      expect(++working).toBe(1);
      await readdir(home.path);
      working -= 1;
    };
    await given.clock.runUntil(Promise.all(Array.from({ length: 8 }, () => withFileLock(path, given, work))));
    expect(await readdir(home.path)).toEqual([]);
  });

  test("holds the lock when the answer to its link got lost", async () => {
    await using home = await tempHome();
    const path = join(home.path, "lock");
    const makeLink = async (existing: string, created: string): Promise<void> => {
      await link(existing, created);
      await link(existing, created);
    };
    expect(await withFileLock(path, options({ makeLink }), () => Promise.resolve("done"))).toBe("done");
    expect(await readdir(home.path)).toEqual([]);
  });

  test("says that the folder is missing", async () => {
    await using home = await tempHome();
    const error = await errorOf(withFileLock(join(home.path, "no", "lock"), options(), nothing));
    expect(error).toBeInstanceOf(LocalError);
    expect(error).toMatchObject({ code: "no-folder" });
  });

  test.if(process.platform === "linux")(
    "loses nothing with fifty processes, some of them killed inside",
    async () => {
      await using home = await tempHome();
      await writeFile(join(home.path, "counter"), "0");
      const script = Bun.fileURLToPath(import.meta.resolve("./file-lock-child.ts"));
      const run = (fate: string): Promise<number | null> =>
        new Promise((resolve) => {
          const args = [script, home.path, "6", fate];
          spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] }).once("exit", (code) =>
            resolve(code),
          );
        });
      const codes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => run(index % 4 === 0 ? "dies" : "lives")),
      );
      expect(codes.filter((code) => code === 0).length).toBe(37);
      expect(await readFile(join(home.path, "counter"), "utf8")).toBe("300");
      expect(existsSync(join(home.path, "overlaps"))).toBe(false);
      // The last one may have died with the lock in its hands; whoever comes next cleans up.
      await withFileLock(join(home.path, "lock"), options({ isAlive: () => false }), nothing);
      expect((await readdir(home.path)).filter((name) => name.startsWith("lock"))).toEqual([]);
    },
    120_000,
  );
});
