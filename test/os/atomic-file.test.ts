import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../src/domain/errors.ts";
import {
  ensurePrivateFolder,
  readBytesIfExists,
  readTextIfExists,
  removeIfExists,
  replaceFile,
} from "../../src/os/atomic-file.ts";
import { retryWhileBusy, retryWhileStale } from "../../src/os/busy-retry.ts";
import { tempHome } from "../support/temp-home.ts";

const isRoot = process.getuid?.() === 0;

/** Root in a container often may not. */
const canMount = process.platform === "linux" && spawnSync("unshare", ["-m", "true"]).status === 0;

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new Error("Expected an AppError", { cause: error });
  return error;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

describe("replaceFile()", () => {
  test("creates a private file and leaves nothing beside it", async () => {
    await using home = await tempHome();
    await replaceFile(join(home.path, "new"), "text");
    expect(await readFile(join(home.path, "new"), "utf8")).toBe("text");
    expect(await modeOf(join(home.path, "new"))).toBe("600");
    expect(await readdir(home.path)).toEqual(["new"]);
  });

  test("gives a new file the mode asked for, whatever the umask", async () => {
    await using home = await tempHome();
    await replaceFile(join(home.path, "unit"), "text", { mode: 0o666 });
    expect(await modeOf(join(home.path, "unit"))).toBe("666");
  });

  test("keeps the mode of an existing file unless told to enforce one", async () => {
    await using home = await tempHome();
    const path = join(home.path, "config");
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await replaceFile(path, "new", { mode: 0o600 });
    expect(await modeOf(path)).toBe("640");
    await replaceFile(path, "newer", { mode: 0o600, enforceMode: true });
    expect(await modeOf(path)).toBe("600");
  });

  test.if(isRoot)("keeps the owner of an existing file", async () => {
    await using home = await tempHome();
    const path = join(home.path, "config");
    await writeFile(path, "old");
    await chown(path, 12345, 23456);
    await chmod(path, 0o4755);
    await replaceFile(path, "new");
    const { uid, gid } = await stat(path);
    expect([uid, gid, await modeOf(path)]).toEqual([12345, 23456, "4755"]);
  });

  test("replaces the file instead of writing into it", async () => {
    await using home = await tempHome();
    const path = join(home.path, "config");
    await writeFile(path, "old");
    await link(path, join(home.path, "other-name"));
    await replaceFile(path, "new");
    expect(await readFile(join(home.path, "other-name"), "utf8")).toBe("old");
  });

  test("follows a chain of links and leaves the links alone", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "data", "ssh"), { recursive: true });
    await writeFile(join(home.path, "data", "real"), "old");
    await symlink("data/ssh", join(home.path, ".ssh"));
    // Relative to the folder behind the link: data/real, not HOME/real.
    await symlink("../real", join(home.path, "data", "ssh", "config"));
    await symlink(".ssh/config", join(home.path, "first"));
    await replaceFile(join(home.path, "first"), "new");
    expect(await readFile(join(home.path, "data", "real"), "utf8")).toBe("new");
    expect(await readlink(join(home.path, "first"))).toBe(".ssh/config");
    expect(await readlink(join(home.path, "data", "ssh", "config"))).toBe("../real");
  });

  test("creates what a dangling link names", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "there"));
    await symlink("there/file", join(home.path, "here"));
    await replaceFile(join(home.path, "here"), "new");
    expect(await readFile(join(home.path, "there", "file"), "utf8")).toBe("new");
    expect((await lstat(join(home.path, "here"))).isSymbolicLink()).toBe(true);
  });

  test("refuses links that form a loop", async () => {
    await using home = await tempHome();
    await symlink("b", join(home.path, "a"));
    await symlink("a", join(home.path, "b"));
    expect((await failure(replaceFile(join(home.path, "a"), "x"))).code).toBe("not-a-file");
  });

  test("never replaces a device or a folder", async () => {
    await using home = await tempHome();
    await symlink("/dev/null", join(home.path, "known_hosts"));
    expect((await failure(replaceFile(join(home.path, "known_hosts"), "x"))).code).toBe("not-a-file");
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    expect((await failure(replaceFile(home.path, "x"))).code).toBe("not-a-file");
  });

  test("names the missing folder", async () => {
    await using home = await tempHome();
    expect((await failure(replaceFile(join(home.path, "no", "file"), "x"))).code).toBe("no-folder");
  });

  test("accepts the longest name a file may have", async () => {
    await using home = await tempHome();
    const path = join(home.path, "n".repeat(255));
    await replaceFile(path, "x");
    expect(await readFile(path, "utf8")).toBe("x");
  });

  test("removes what a killed process left an hour ago, and nothing younger or different", async () => {
    await using home = await tempHome();
    const names = [".file.0123456789ab.tmp", ".file.ab0123456789.tmp", ".file.backup.tmp", ".other.0123456789ab.tmp"];
    const hourAgo = Date.now() / 1000 - 3700;
    for (const name of names) await writeFile(join(home.path, name), "");
    for (const name of names.slice(1)) await utimes(join(home.path, name), hourAgo, hourAgo);
    await replaceFile(join(home.path, "file"), "x");
    expect((await readdir(home.path)).sort()).toEqual([names[0] ?? "", names[2] ?? "", names[3] ?? "", "file"]);
  });

  test("shows readers the old or the new content, never a part", async () => {
    await using home = await tempHome();
    const path = join(home.path, "file");
    const contents = ["a", "b"].map((letter) => letter.repeat(300_000));
    await replaceFile(path, contents[0] ?? "");
    const writes = Array.from({ length: 20 }, (_, index) => replaceFile(path, contents[index % 2] ?? ""));
    for (let count = 0; count < 50; count += 1) expect(contents).toContain(await readFile(path, "utf8"));
    await Promise.all(writes);
    expect(await readdir(home.path)).toEqual(["file"]);
  });

  test.if(canMount)("keeps the old content when the disk is full", async () => {
    await using home = await tempHome();
    const script = Bun.fileURLToPath(import.meta.resolve("./full-disk-child.ts"));
    const shell = `mount -t tmpfs -o size=1m,mode=700 none "$0" && exec "$1" "$2" "$0"`;
    const result = spawnSync("unshare", ["-m", "sh", "-c", shell, home.path, process.execPath, script], {
      encoding: "utf8",
    });
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout)).toEqual({
      code: "disk-full",
      content: "old",
      left: ["file", "filler"],
      log: ["before", "(2 lines are missing here: the log file could not be written)", "after"],
    });
  });
});

describe("retryWhileBusy()", () => {
  const busy = (): Promise<never> => Promise.reject(Object.assign(new Error("busy"), { code: "EPERM" }));

  test("waits longer and longer on Windows, then gives up", async () => {
    const waits: number[] = [];
    const sleep = (ms: number): Promise<void> => Promise.resolve(void waits.push(ms));
    await expect(retryWhileBusy(busy, { system: "win32", sleep })).rejects.toThrow("busy");
    expect(waits.slice(0, 4)).toEqual([10, 20, 40, 80]);
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(10_000);
  });

  test("ends with the first success", async () => {
    let tries = 0;
    const operation = (): Promise<string> => (++tries < 3 ? busy() : Promise.resolve("done"));
    expect(await retryWhileBusy(operation, { system: "win32", sleep: () => Promise.resolve() })).toBe("done");
    expect(tries).toBe(3);
  });

  test("takes other errors, and other systems, at their word", async () => {
    let tries = 0;
    const operation = (code: string) => (): Promise<never> => {
      tries += 1;
      return Promise.reject(Object.assign(new Error(code), { code }));
    };
    const sleep = (): Promise<void> => Promise.resolve();
    await retryWhileBusy(operation("EPERM"), { system: "linux", sleep }).catch(() => undefined);
    await retryWhileBusy(operation("ENOSPC"), { system: "win32", sleep }).catch(() => undefined);
    expect(tries).toBe(2);
  });
});

describe("retryWhileStale()", () => {
  const failing = (code: string, times: number): (() => Promise<string>) => {
    let left = times;
    return async () => {
      left -= 1;
      if (left < 0) return "done";
      throw Object.assign(new Error(code), { code });
    };
  };

  test("looks again for a file that another machine replaced meanwhile, but not for ever, and for nothing else", async () => {
    expect(await retryWhileStale(failing("ESTALE", 4))).toBe("done");
    await expect(retryWhileStale(failing("ESTALE", 5))).rejects.toThrow("ESTALE");
    await expect(retryWhileStale(failing("EIO", 1))).rejects.toThrow("EIO");
  });
});

describe("readTextIfExists()", () => {
  test("keeps a byte order mark and line ends", async () => {
    await using home = await tempHome();
    await writeFile(join(home.path, "file"), "\uFEFFa\r\nb");
    expect(await readTextIfExists(join(home.path, "file"))).toBe("\uFEFFa\r\nb");
  });

  test.each(["missing", "file/below"])("returns undefined for %s", async (name) => {
    await using home = await tempHome();
    await writeFile(join(home.path, "file"), "");
    expect(await readTextIfExists(join(home.path, name))).toBeUndefined();
  });

  test("reads files of /proc, whose size is 0", async () => {
    if (process.platform !== "linux") return;
    expect(await readTextIfExists("/proc/self/status")).toContain("Pid:");
  });
});

describe("readBytesIfExists()", () => {
  test("takes exactly maxBytes and refuses one more", async () => {
    await using home = await tempHome();
    const path = join(home.path, "file");
    await writeFile(path, Buffer.alloc(5000, 7));
    expect(await readBytesIfExists(path, 5000)).toEqual(Buffer.alloc(5000, 7));
    expect((await failure(readBytesIfExists(path, 4999))).code).toBe("too-large");
    expect((await failure(readBytesIfExists("/dev/zero", 10))).code).toBe("too-large");
  });

  test("refuses a folder and does not wait for a named pipe", async () => {
    await using home = await tempHome();
    spawnSync("mkfifo", [join(home.path, "pipe")]);
    expect((await failure(readBytesIfExists(join(home.path, "pipe")))).code).toBe("not-a-file");
    expect((await failure(readBytesIfExists(home.path))).code).toBe("not-a-file");
  });
});

describe("removeIfExists()", () => {
  test("tells whether there was a file", async () => {
    await using home = await tempHome();
    await writeFile(join(home.path, "file"), "");
    expect(await removeIfExists(join(home.path, "file"))).toBe(true);
    expect(await removeIfExists(join(home.path, "file"))).toBe(false);
  });

  test("throws when it cannot remove", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "folder"));
    expect((await failure(removeIfExists(join(home.path, "folder")))).message).toContain("Cannot remove");
  });
});

describe("ensurePrivateFolder()", () => {
  test("makes what is missing with mode 0700, twice without harm", async () => {
    await using home = await tempHome();
    const path = join(home.path, "a", "b", "c");
    await Promise.all([ensurePrivateFolder(path), ensurePrivateFolder(path)]);
    expect(await Promise.all([path, join(home.path, "a")].map(modeOf))).toEqual(["700", "700"]);
  });

  test.each(["770", "707", "1777"])("refuses mode %s and says what to type", async (mode) => {
    await using home = await tempHome();
    const path = join(home.path, "it's here");
    await mkdir(path);
    await chmod(path, Number.parseInt(mode, 8));
    const error = await failure(ensurePrivateFolder(path));
    expect([error.code, error.hint]).toEqual(["unsafe-folder", `Run: chmod go-w '${home.path}/it'\\''s here'`]);
    expect(spawnSync("sh", ["-c", error.hint?.replace("Run: ", "") ?? ""]).status).toBe(0);
    await ensurePrivateFolder(path);
  });

  test("accepts a folder that others may read, and our link to our folder", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "real"), { mode: 0o755 });
    await symlink("real", join(home.path, "link"));
    await ensurePrivateFolder(join(home.path, "link"));
  });

  test.if(isRoot)("refuses a folder of another user, and a link to it", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "theirs"), { mode: 0o700 });
    await chown(join(home.path, "theirs"), 12345, 12345);
    await symlink("theirs", join(home.path, "link"));
    expect((await failure(ensurePrivateFolder(join(home.path, "theirs")))).code).toBe("unsafe-folder");
    expect((await failure(ensurePrivateFolder(join(home.path, "link")))).code).toBe("unsafe-folder");
  });

  test("refuses a file", async () => {
    await using home = await tempHome();
    await writeFile(join(home.path, "file"), "");
    expect((await failure(ensurePrivateFolder(join(home.path, "file")))).code).toBe("not-a-folder");
  });

  test.skipIf(process.platform !== "linux")(
    "gives up where a folder is deleted that somebody is still in",
    async () => {
      await using home = await tempHome();
      const gone = join(home.path, "gone");
      await mkdir(gone);
      const child = Bun.spawn(["sh", "-c", 'rmdir "$PWD"; echo; read end'], {
        cwd: gone,
        stdin: "pipe",
        stdout: "pipe",
      });
      await child.stdout.getReader().read();
      const path = join(`/proc/${child.pid}/cwd`, "a/b");
      const error = await failure(ensurePrivateFolder(path));
      child.kill();
      await child.exited;
      expect([error.code, error.message]).toEqual(["folder-gone", expect.stringContaining("was deleted")]);
    },
  );
});
