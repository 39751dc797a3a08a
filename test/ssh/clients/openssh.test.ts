import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SshHost } from "../../../src/ssh/clients/client.ts";
import { openssh } from "../../../src/ssh/clients/openssh/openssh.ts";
import { requirePeer } from "../../support/peers.ts";
import { tempHome } from "../../support/temp-home.ts";
import { clientContext, someHost } from "../client-context.ts";
import { runOk, runProgram } from "../run-program.ts";

setDefaultTimeout(180_000);

const FIXTURES = join(import.meta.dir, "../../fixtures/ssh/config");
const NAMES = readdirSync(FIXTURES).filter((name) => name.endsWith(".in"));
/** What newer versions of OpenSSH expand in file names. */
const VARIABLE = ["$", "{HOME}"].join("");

const hasSsh = requirePeer("ssh");

async function add(home: string, change: Partial<SshHost> = {}) {
  const context = clientContext(home);
  const host = someHost(home, change);
  const entries = await openssh.plan(host, context);
  for (const entry of entries) await openssh.apply(entry, context);
  return {
    host,
    undo: async () => {
      for (const entry of entries.toReversed()) await openssh.undo(entry, context);
    },
  };
}

async function homeWith(config: Uint8Array | string | undefined, mode = 0o644) {
  const home = await tempHome();
  await mkdir(join(home.path, ".ssh"), { mode: 0o700 });
  const file = join(home.path, ".ssh/config");
  if (config !== undefined) await writeFile(file, config, { mode });
  return { home: home.path, file, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}

/** What OpenSSH makes of a host; undefined where it refuses the whole file. */
async function meaning(file: string, host: string, home: string): Promise<string | undefined> {
  const result = await runProgram(["ssh", "-G", "-F", file, host], { home });
  return result.code === 0 ? result.stdout : undefined;
}

describe("openssh", () => {
  test.each(NAMES)("gives back every byte of %s, and changes no other host meanwhile", async (name) => {
    const before = readFileSync(join(FIXTURES, name));
    await using given = await homeWith(before);
    const { file, home } = given;
    const meant = hasSsh ? await meaning(file, "box", home) : undefined;
    const one = await add(home);
    const two = await add(home, { alias: "pipeline-5681", hostKeyAlias: "pipeline-5681", owner: "t2" });
    expect(readFileSync(file).length).toBeGreaterThan(before.length);
    if (meant !== undefined) {
      expect(await meaning(file, "box", home)).toBe(meant);
      expect(await meaning(file, "pipeline-56819", home)).toContain("\nport 4567\n");
    }
    await one.undo();
    expect(readFileSync(file).length).toBeGreaterThan(before.length);
    await two.undo();
    await two.undo();
    expect(Buffer.compare(readFileSync(file), before)).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(await readdir(join(home, ".ssh"))).toEqual(["config"]);
  });

  test("makes the folder and the file where there are none, private, and takes the file away again", async () => {
    await using home = await tempHome();
    const added = await add(home.path);
    const file = join(home.path, ".ssh/config");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(home.path, ".ssh")).mode & 0o777).toBe(0o700);
    await added.undo();
    expect(await readdir(join(home.path, ".ssh"))).toEqual([]);
  });

  test("leaves a file that it made where the user wrote into it", async () => {
    await using home = await tempHome();
    const added = await add(home.path);
    const file = join(home.path, ".ssh/config");
    await writeFile(file, `${readFileSync(file, "utf8")}Host mine\n`);
    await added.undo();
    expect(readFileSync(file, "utf8")).toBe("Host mine\n");
  });

  test("edits what a link leads to and leaves the link", async () => {
    await using given = await homeWith(undefined);
    await mkdir(join(given.home, "dotfiles"));
    await writeFile(join(given.home, "dotfiles/config"), "Host box\n", { mode: 0o640 });
    await symlink("../dotfiles/config", given.file);
    const added = await add(given.home);
    expect(readlinkSync(given.file)).toBe("../dotfiles/config");
    expect(readFileSync(join(given.home, "dotfiles/config"), "utf8")).toEndWith("<<<\nHost box\n");
    await added.undo();
    expect(readFileSync(join(given.home, "dotfiles/config"), "utf8")).toBe("Host box\n");
    expect(statSync(given.file).mode & 0o777).toBe(0o640);
  });

  test("leaves a link that leads nowhere as it was", async () => {
    await using given = await homeWith(undefined);
    await symlink("../elsewhere", given.file);
    const added = await add(given.home);
    expect(existsSync(join(given.home, "elsewhere"))).toBe(true);
    await added.undo();
    expect(lstatSync(given.file).isSymbolicLink()).toBe(true);
    expect(existsSync(join(given.home, "elsewhere"))).toBe(false);
  });

  test("leaves a read-only file alone and says what to do", async () => {
    await using given = await homeWith("Host box\n", 0o444);
    await expect(add(given.home)).rejects.toMatchObject({
      message: `Cannot edit "${given.file}": it is read-only`,
      hint: expect.stringContaining("chmod u+w"),
    });
    expect(readFileSync(given.file, "utf8")).toBe("Host box\n");
    // The way out for files that a tool writes: the user adds the line, we leave the file be.
    await chmod(given.file, 0o644);
    await writeFile(given.file, `Include ${join(given.home, ".ssh/runtunnel/config")}\nHost box\n`);
    await chmod(given.file, 0o444);
    await (await add(given.home)).undo();
  });

  test.each([
    ["a begin mark without its end", "# >>> runtunnel include >>>\nHost box\n", "has no end mark"],
    ["UTF-16", Buffer.from("\uFEFFHost box\n", "utf16le"), "it is not a text file in UTF-8"],
  ])("refuses %s and changes nothing", async (_name, content, message) => {
    await using given = await homeWith(content);
    await expect(add(given.home)).rejects.toThrow(message);
    expect(Buffer.compare(readFileSync(given.file), Buffer.from(content))).toBe(0);
  });

  test("a later tunnel with the same alias takes over, and the earlier one's end does not end it", async () => {
    await using given = await homeWith("Host box\n");
    const one = await add(given.home, { port: 1 });
    const two = await add(given.home, { port: 2, owner: "t2" });
    await one.undo();
    const own = join(given.home, ".ssh/runtunnel");
    expect(readFileSync(join(own, "config"), "utf8")).toContain("Port 2\n");
    expect(readFileSync(join(own, "config"), "utf8")).not.toContain("Port 1\n");
    expect(readFileSync(join(own, "known_hosts"), "utf8")).toContain("pipeline-56819,[127.0.0.1]:2 ");
    await two.undo();
    expect(readFileSync(given.file, "utf8")).toBe("Host box\n");
  });

  test("an entry that was journaled but never applied is undone without a trace", async () => {
    await using given = await homeWith("Host box\n");
    const context = clientContext(given.home);
    for (const entry of await openssh.plan(someHost(given.home), context)) await openssh.undo(entry, context);
    expect(await readdir(join(given.home, ".ssh"))).toEqual(["config"]);
  });

  test("twenty processes at once lose nothing, whoever comes and goes", async () => {
    await using given = await homeWith("Host box\r\n    Port 23");
    const worker = join(import.meta.dir, "openssh-worker.ts");
    const work = async (mode: string, numbers: readonly number[]) =>
      await Promise.all(
        numbers.map((number) =>
          runOk([process.execPath, worker, given.home, `run-${number}`, mode], { home: given.home }),
        ),
      );
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all([
      work(
        "apply",
        numbers.filter((number) => number < 14),
      ),
      work(
        "both",
        numbers.filter((number) => number >= 14),
      ),
    ]);
    const own = readFileSync(join(given.home, ".ssh/runtunnel/config"), "utf8");
    const hosts = [...own.matchAll(/^Host (\S+)$/gm)].map((match) => Number(match[1]?.slice(4)));
    expect(hosts.toSorted((a, b) => a - b)).toEqual(numbers.filter((number) => number < 14));
    await work("undo", numbers);
    expect(readFileSync(given.file, "utf8")).toBe("Host box\r\n    Port 23");
    expect(await readdir(join(given.home, ".ssh"))).toEqual(["config"]);
  });

  test
    .skipIf(!hasSsh)
    .each(["my home", 'quo"te', "it's", "50%h", VARIABLE, "[a]*?", "büro", "#1", "back\\slash", "a=b"])(
    "is understood by ssh in a folder named %j",
    async (name) => {
      await using given = await tempHome();
      const home = join(given.path, name);
      await mkdir(home);
      await add(home, { identityFile: join(home, "the key") });
      const meant = await meaning(join(home, ".ssh/config"), "pipeline-56819", given.path);
      expect(meant).toContain("\nhostname 127.0.0.1\n");
      const key = name === VARIABLE ? undefined : join(home, "the key");
      if (key !== undefined) expect(meant?.replaceAll("%%", "%")).toContain(`\nidentityfile ${key}\n`);
    },
  );

  test.each(["*", "a b", "-v", "a\nHost *", 'x"', "!y"])("refuses the alias %j", async (alias) => {
    await using given = await homeWith("Host box\n");
    await expect(add(given.home, { alias })).rejects.toThrow("cannot be used");
    expect(readFileSync(given.file, "utf8")).toBe("Host box\n");
  });

  test("writes forward slashes for Windows", async () => {
    await using home = await tempHome();
    await add(home.path, { identityFile: "C:\\Users\\An Na\\keys\\k" });
    const own = readFileSync(join(home.path, ".ssh/runtunnel/config"), "utf8");
    expect(own).toContain('    IdentityFile "C:/Users/An Na/keys/k"\n');
  });
});
