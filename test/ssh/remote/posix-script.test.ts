import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { chmod, chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { renderPosixScript } from "../../../src/ssh/remote/posix-script.ts";
import { parseRemoteAnswer, type RemoteAnswer, type RemoteJob } from "../../../src/ssh/remote/remote-job.ts";
import { requirePeer } from "../../support/peers.ts";
import { tempHome } from "../../support/temp-home.ts";
import { runProgram } from "../run-program.ts";
import { canRunSshd, inWorld, makeWorld } from "../sshd.ts";

setDefaultTimeout(180_000);

const LINE =
  "restrict,pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV runtunnel:1:lab:t1";
const SHELLS = [["sh"], ["bash", "--posix"], ["busybox", "sh"]].filter(([program]) => requirePeer(program ?? ""));

const ANA = { uid: 4101, gid: 4200 };

async function run(world: string, job: Partial<RemoteJob>, shell: readonly string[] = ["sh"]): Promise<RemoteAnswer> {
  const full: RemoteJob = { mode: "add", accounts: ["ana"], line: LINE, tag: "TAG", ...job };
  const result = await runProgram(inWorld(world, shell), { home: world, input: renderPosixScript(full) });
  expect(result.stderr).toBe("");
  return parseRemoteAnswer(result.stdout, "TAG");
}

/** A folder of programs that come before the system's. */
async function shadowing(world: string, programs: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = join(world, "bin");
  await mkdir(folder);
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return ["env", `PATH=${folder}:/usr/sbin:/usr/bin:/sbin:/bin`, "sh"];
}

async function writeKeys(world: string, text: string): Promise<string> {
  const folder = join(world, "homes/ana/.ssh");
  const file = join(folder, "authorized_keys");
  await mkdir(folder, { mode: 0o700 });
  await writeFile(file, text, { mode: 0o640 });
  for (const path of [folder, file]) await chown(path, ANA.uid, ANA.gid);
  return file;
}

describe.skipIf(!canRunSshd())("renderPosixScript()", () => {
  test.each(SHELLS)("adds once and removes exactly that line under %s %s", async (...shell) => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const words = shell.filter((word) => word !== undefined);
    const file = await writeKeys(world.path, `ssh-rsa AAAA old\n${LINE}0\n# no end`);
    for (let times = 0; times < 2; times += 1) {
      const answer = await run(world.path, {}, words);
      expect(answer).toMatchObject({ complete: true, done: ["ana"], failures: [], notes: [] });
      expect(answer.hostKeys.length).toBeGreaterThanOrEqual(0);
      expect(readFileSync(file, "utf8")).toBe(`ssh-rsa AAAA old\n${LINE}0\n# no end\n${LINE}\n`);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (let times = 0; times < 2; times += 1) {
      expect(await run(world.path, { mode: "remove" }, words)).toMatchObject({ complete: true, failures: [] });
      expect(readFileSync(file, "utf8")).toBe(`ssh-rsa AAAA old\n${LINE}0\n# no end\n`);
    }
    expect([statSync(file).uid, statSync(file).gid]).toEqual([ANA.uid, ANA.gid]);
  });

  test("keeps mode, owner and a missing final newline when it removes", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const file = await writeKeys(world.path, `${LINE}\nssh-rsa AAAA other`);
    await run(world.path, { mode: "remove" });
    expect(readFileSync(file, "utf8")).toBe("ssh-rsa AAAA other");
    expect([statSync(file).mode & 0o777, statSync(file).uid, statSync(file).gid]).toEqual([0o640, ANA.uid, ANA.gid]);
  });

  test("twenty at once lose nothing", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const file = await writeKeys(world.path, "ssh-rsa AAAA other\n");
    const lines = Array.from({ length: 20 }, (_, index) => `${LINE}-${index}`);
    const added = await Promise.all(lines.map((line) => run(world.path, { line })));
    expect(added.map(({ done }) => done)).toEqual(lines.map(() => ["ana"]));
    expect(readFileSync(file, "utf8").trim().split("\n").toSorted()).toEqual(
      ["ssh-rsa AAAA other", ...lines].toSorted(),
    );
    const [even, odd] = [0, 1].map((rest) => lines.filter((_, index) => index % 2 === rest));
    await Promise.all((even ?? []).map((line) => run(world.path, { line, mode: "remove" })));
    expect(readFileSync(file, "utf8").trim().split("\n").toSorted()).toEqual(
      ["ssh-rsa AAAA other", ...(odd ?? [])].toSorted(),
    );
  });

  test.each([
    ["a killed script is taken away at once", "4194304999", 0],
    ["a living one is waited for, and stays its own", "1", 99],
  ])("a lock of %s", async (_what, holder, waits) => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const lock = join(dirname(await writeKeys(world.path, "")), ".runtunnel.lock");
    await symlink(`${hostname()}:${readlinkSync("/proc/self/ns/pid")}:${holder}`, lock);
    const slept = join(world.path, "slept");
    const shell = await shadowing(world.path, { sleep: `echo >>${slept}` });
    await writeFile(slept, "");
    await chmod(slept, 0o666);
    expect(await run(world.path, {}, shell)).toMatchObject({ complete: true, done: ["ana"], failures: [] });
    expect(readFileSync(slept, "utf8").length).toBe(waits);
    expect(lstatSync(lock, { throwIfNoEntry: false }) === undefined).toBe(waits === 0);
  });

  test("names what is wrong with each account and serves the others", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    await mkdir(join(world.path, "homes/ben/.ssh/authorized_keys"), { recursive: true });
    await Bun.$`rm -rf ${join(world.path, "homes/root")}`;
    const answer = await run(world.path, { accounts: ["zoe", "root", "ben", "ana"] });
    expect(answer.done).toEqual(["ana"]);
    expect(answer.failures.map(({ account, code }) => [account, code])).toEqual([
      ["zoe", "no-account"],
      ["root", "no-home"],
      ["ben", "write"],
    ]);
  });

  test("tells of a home that others can write, which sshd distrusts", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    await chmod(join(world.path, "homes/ana"), 0o775);
    expect((await run(world.path, {})).notes).toEqual([expect.stringContaining("can be written by others")]);
  });

  test("says that the disk is full", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const home = join(world.path, "homes/ana");
    const script = `mount -t tmpfs -o size=4k,nr_inodes=20,uid=4101,gid=4200 tmpfs "$0" && head -c 4096 /dev/zero >"$0/fill"; exec sh`;
    const answer = await run(world.path, {}, ["sh", "-c", script, home]);
    expect(answer.failures).toEqual([
      { account: "ana", code: "write", detail: expect.stringContaining("No space left on device") },
    ]);
  });

  test("says that the file system is read-only", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const home = join(world.path, "homes/ana");
    const answer = await run(world.path, {}, ["sh", "-c", 'mount -t tmpfs -o ro tmpfs "$0" && exec sh', home]);
    expect(answer.failures).toEqual([
      { account: "ana", code: "write", detail: expect.stringContaining("Read-only file system") },
    ]);
  });

  describe("as root, where su does not work", () => {
    test("adds with the account's owner and group, without getent too", async () => {
      await using world = await tempHome();
      await makeWorld(world.path);
      const shell = await shadowing(world.path, { su: "exit 1", getent: "exit 127" });
      expect(await run(world.path, {}, shell)).toMatchObject({ done: ["ana"], failures: [] });
      const file = join(world.path, "homes/ana/.ssh/authorized_keys");
      const [folder, keys] = [statSync(join(file, "..")), statSync(file)];
      expect([folder.uid, folder.gid, folder.mode & 0o777]).toEqual([ANA.uid, ANA.gid, 0o700]);
      expect([keys.uid, keys.gid, keys.mode & 0o777]).toEqual([ANA.uid, ANA.gid, 0o600]);
      expect(await run(world.path, { mode: "remove" }, shell)).toMatchObject({ done: ["ana"], failures: [] });
      expect([readFileSync(file, "utf8"), statSync(file).uid]).toEqual(["", ANA.uid]);
    });

    test.each([".ssh", ".ssh/authorized_keys"])("does not follow a link at %s", async (name) => {
      await using world = await tempHome();
      await makeWorld(world.path);
      const shell = await shadowing(world.path, { su: "exit 1" });
      const prize = join(world.path, "homes/root/prize");
      const home = join(world.path, "homes/ana");
      if (name === ".ssh") await mkdir(prize);
      else {
        await mkdir(join(home, ".ssh"));
        await chown(join(home, ".ssh"), ANA.uid, ANA.gid);
        await writeFile(prize, "mine\n");
      }
      await symlink(prize, join(home, name));
      const answer = await run(world.path, {}, shell);
      expect(answer.failures).toMatchObject([{ account: "ana", code: "trap" }]);
      if (name === ".ssh") expect(existsSync(join(prize, "authorized_keys"))).toBe(false);
      else expect(readFileSync(prize, "utf8")).toBe("mine\n");
    });

    test("does not write into a folder of a third account", async () => {
      await using world = await tempHome();
      await makeWorld(world.path);
      const shell = await shadowing(world.path, { su: "exit 1" });
      await mkdir(join(world.path, "homes/ana/.ssh"));
      await chown(join(world.path, "homes/ana/.ssh"), 4102, 4102);
      expect((await run(world.path, {}, shell)).failures).toMatchObject([{ account: "ana", code: "trap" }]);
    });
  });

  test("takes nothing in its values for shell words", async () => {
    await using world = await tempHome();
    await makeWorld(world.path);
    const line = `${LINE} '$(touch ${world.path}/x)' %s \\n \`id\` "`;
    await run(world.path, { line });
    expect(readFileSync(join(world.path, "homes/ana/.ssh/authorized_keys"), "utf8")).toBe(`${line}\n`);
    await run(world.path, { line, mode: "remove" });
    expect(readFileSync(join(world.path, "homes/ana/.ssh/authorized_keys"), "utf8")).toBe("");
    expect(existsSync(join(world.path, "x"))).toBe(false);
  });
});

describe("parseRemoteAnswer()", () => {
  test("hears its own tag alone", () => {
    const text =
      "Welcome!\r\nTAG account ana ok\r\naccount ben ok\nTAGX end\nTAG account ben bad write No \u001b[31m space\n";
    expect(parseRemoteAnswer(text, "TAG")).toEqual({
      complete: false,
      done: ["ana"],
      failures: [{ account: "ben", code: "write", detail: "No  [31m space" }],
      notes: [],
      hostKeys: [],
    });
  });
});
