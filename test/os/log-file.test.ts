import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openLogFile } from "../../src/os/log-file.ts";
import { tempHome } from "../support/temp-home.ts";

describe("openLogFile()", () => {
  test("appends lines to a file that only the user can read", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    for (const line of ["one", "two"]) {
      const log = openLogFile(path);
      log.write(line);
      await log.close();
    }
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps the newest lines in a bounded number of bounded files", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const log = openLogFile(path, { maxBytes: 100, keep: 2 });
    for (let line = 1; line <= 100; line += 1) log.write(`line ${line}`);
    await log.close();
    expect((await readdir(home.path)).sort()).toEqual(["log", "log.1", "log.2"]);
    const text = [`${path}.2`, `${path}.1`, path].map((name) => readFileSync(name, "utf8"));
    expect(text.every((part) => part.length <= 100)).toBe(true);
    const lines = text.join("").trimEnd().split("\n");
    expect(lines).toEqual(Array.from({ length: lines.length }, (_, index) => `line ${101 - lines.length + index}`));
  });

  test("counts what was in the file before", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const first = openLogFile(path, { maxBytes: 20 });
    first.write("0123456789");
    await first.close();
    const second = openLogFile(path, { maxBytes: 20 });
    second.write("0123456789");
    await second.close();
    expect(readFileSync(`${path}.1`, "utf8")).toBe("0123456789\n");
  });

  test("cuts a line that is longer than the file may be", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const log = openLogFile(path, { maxBytes: 10 });
    log.write("x".repeat(1000));
    await log.close();
    expect(readFileSync(path, "utf8")).toBe(`${"x".repeat(9)}\n`);
  });

  test("starts over where nothing is to be kept", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const log = openLogFile(path, { maxBytes: 10, keep: 0 });
    for (const line of ["aaaaaaa", "bbbbbbb"]) log.write(line);
    await log.close();
    expect(readFileSync(path, "utf8")).toBe("bbbbbbb\n");
    expect(await readdir(home.path)).toEqual(["log"]);
  });

  test.each(["removed", "moved away"])("goes on in a new file after the old one was %s", async (how) => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const log = openLogFile(path);
    log.write("before");
    if (how === "removed") rmSync(path);
    else renameSync(path, `${path}.old`);
    log.write("after");
    await log.close();
    expect(readFileSync(path, "utf8")).toBe("after\n");
  });

  test("loses no line when two processes share a log that rotates", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const logs = [openLogFile(path, { maxBytes: 200, keep: 50 }), openLogFile(path, { maxBytes: 200, keep: 50 })];
    for (let line = 0; line < 100; line += 1) logs[line % 2]?.write(`line ${line}.`);
    await Promise.all(logs.map((log) => log.close()));
    const all = (await readdir(home.path)).map((name) => readFileSync(join(home.path, name), "utf8")).join("");
    expect(all.trimEnd().split("\n").length).toBe(100);
  });

  test("drops lines while the file cannot be written, and says how many", async () => {
    await using home = await tempHome();
    const folder = join(home.path, "folder");
    const path = join(folder, "log");
    spawnSync("mkdir", [folder]);
    const log = openLogFile(path);
    renameSync(folder, `${folder}.away`);
    log.write("one");
    log.write("two");
    renameSync(`${folder}.away`, folder);
    log.write("three");
    await log.close();
    expect(readFileSync(path, "utf8")).toBe("(2 lines are missing here: the log file could not be written)\nthree\n");
  });

  test("never rotates a device away and does not wait for a named pipe", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    symlinkSync("/dev/null", path);
    const log = openLogFile(path, { maxBytes: 10 });
    for (let line = 0; line < 10; line += 1) log.write("0123456789");
    await log.close();
    expect(await readdir(home.path)).toEqual(["log"]);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    spawnSync("mkfifo", [join(home.path, "pipe")]);
    expect(() => openLogFile(join(home.path, "pipe"))).toThrow("Cannot open the log file");
  });

  test("says what is wrong with the path", async () => {
    await using home = await tempHome();
    expect(() => openLogFile(join(home.path, "no", "log"))).toThrow("its folder does not exist");
    expect(() => openLogFile(home.path)).toThrow("it is a folder");
  });

  test("ignores lines after close(), which may be called twice", async () => {
    await using home = await tempHome();
    const path = join(home.path, "log");
    const log = openLogFile(path);
    await log.close();
    await log.close();
    rmSync(path);
    log.write("late");
    expect(existsSync(path)).toBe(false);
  });
});
