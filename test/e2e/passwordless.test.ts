// Passwordless SSH as the manuals tell it: word for word, with the clients as they are.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { canRunPlainSsh, runPlain } from "./support/plain-ssh.ts";
import { kill, Scratch } from "./support/scratch.ts";

setDefaultTimeout(120_000);

const canRun = canRunPlainSsh();
const hasPutty = requirePeer("plink", "pscp");
const CLEAN = /^\.local\/state\/runtunnel\/logs\/|^\.putty\/randomseed$|^work\//;

describe.skipIf(!canRun)("start --ssh", () => {
  test("is the Linux walk-through of the Cloud Pipeline manual, word for word", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const started = await user.run(["tunnel", "start", "75376", "-lp", "0", "-rp", "22", "--ssh"]);
    expect(started.stderr).toBe("");
    const folder = join(user.home, "work");
    await mkdir(folder);
    const type = (line: string) => runPlain(line, user.home, folder);
    expect(await type("ssh pipeline-75376 echo \\$HOSTNAME")).toEqual({
      stdout: "pipeline-75376\n",
      stderr: "",
      exitCode: 0,
    });
    expect((await type('echo "Content" > file-scp.txt')).exitCode).toBe(0);
    expect(await type("scp file-scp.txt pipeline-75376:/common/workdir/file-scp.txt")).toMatchObject({
      stderr: "",
      exitCode: 0,
    });
    expect(await type("scp pipeline-75376:/common/workdir/file-scp.txt file-scp-copy.txt")).toMatchObject({
      exitCode: 0,
    });
    expect((await type("cat file-scp-copy.txt")).stdout).toBe("Content\n");
    expect((await user.run(["tunnel", "stop", "75376"])).exitCode).toBe(0);
    await user.expectNothingLeft(CLEAN);
  });

  test.skipIf(!hasPutty)("is the PuTTY walk-through too", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["56819", "-lp", "0", "-rp", "22", "--ssh"]);
    await writeFile(join(user.home, "file-pscp.txt"), "Content\n");
    const type = (line: string) => runPlain(line, user.home);
    expect(await type("plink -batch pipeline-56819 echo '$HOSTNAME'")).toMatchObject({
      stdout: "pipeline-56819\n",
      exitCode: 0,
    });
    expect((await type("pscp -batch file-pscp.txt pipeline-56819:/common/workdir/file-pscp.txt")).exitCode).toBe(0);
    expect((await type("pscp -batch pipeline-56819:/common/workdir/file-pscp.txt file-pscp-copy.txt")).exitCode).toBe(
      0,
    );
    expect(await readFile(join(user.home, "file-pscp-copy.txt"), "utf8")).toBe("Content\n");
  });

  test("leaves the user's files as they were, after stop and after kill -9", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await mkdir(join(user.home, ".ssh"), { mode: 0o700 });
    const config = join(user.home, ".ssh/config");
    const knownHosts = join(user.home, ".ssh/known_hosts");
    await writeFile(config, "# mine\r\nHost pipeline-10012\r\n  Port 23\r\nMatch all\r\n  Compression yes", {
      mode: 0o600,
    });
    await writeFile(knownHosts, "[127.0.0.1]:45678 ssh-ed25519 AAAA\n", { mode: 0o644 });
    const digest = async () => [await sha256(config), await sha256(knownHosts)];
    const before = await digest();
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    expect(await digest()).not.toEqual(before);
    await user.run(["stop"]);
    expect(await digest()).toEqual(before);

    const { pid } = await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    kill(pid, "SIGKILL");
    const stopped = await user.json<{ stopped: readonly { how: string }[] }>(["stop"]);
    expect(stopped.stopped.map(({ how }) => how)).toEqual(["cleaned"]);
    expect(await digest()).toEqual(before);
    const keys = await runPlain("true", user.home);
    expect(keys.exitCode).toBe(0);
  });

  test("takes our key off the run when the tunnel stops", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    const own = await runPlain("ssh pipeline-1001 'cat .ssh/authorized_keys'", user.home);
    expect(own.stdout).toContain("runtunnel:pipeline-1001:");
    await user.run(["stop", "--force"]);
    const again = await user.run(["ssh", "1001", "--", "grep -c runtunnel .ssh/authorized_keys"]);
    // The one line is that of this very call.
    expect(again.stdout).toBe("1\n");
  });

  test("works for twenty tunnels at once and loses nothing", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const names = Array.from({ length: 20 }, (_, index) => `alias-${index}`);
    await Promise.all(names.map((name) => user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh", "-sh", name])));
    const config = await readFile(join(user.home, ".ssh/runtunnel/config"), "utf8");
    for (const name of names) expect(config).toContain(`Host ${name}\n`);
    expect(await runPlain("ssh alias-7 whoami && ssh alias-19 whoami", user.home)).toMatchObject({
      stdout: "root\nroot\n",
    });
    await user.run(["stop"]);
    await user.expectNothingLeft(CLEAN);
  });

  test("refuses a plain host without a key before it dials anything", async () => {
    await using user = await Scratch.create();
    const refused = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", "1", "--ssh"]);
    expect(refused).toMatchObject({ stdout: "", exitCode: 2 });
    expect(refused.stderr).toContain("hint: Add --identity");
    await user.expectNothingLeft();
  });
});

describe.skipIf(!canRun)("ssh, scp, sftp", () => {
  test("run the system's clients with a key for one call and give back their exit codes", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    expect(await user.run(["ssh", "1001", "--", "echo out; echo err >&2; exit 7"])).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 7,
    });
    const file = join(user.home, "work");
    await writeFile(file, "some bytes");
    expect((await user.run(["scp", "1001", "--", file, ":/common/workdir/x"])).exitCode).toBe(0);
    const batch = join(user.home, "work-batch");
    await writeFile(batch, `get /common/workdir/x ${file}-back\n`);
    expect((await user.run(["sftp", "1001", "--", "-b", batch])).exitCode).toBe(0);
    expect(await readFile(`${file}-back`, "utf8")).toBe("some bytes");
    expect((await user.run(["scp", "pipeline-1001:/common/workdir/x", `${file}-again`])).exitCode).toBe(0);
    expect(await readFile(`${file}-again`, "utf8")).toBe("some bytes");
    await user.expectNothingLeft(/^work|^\.local\/state\/runtunnel\/logs\//);
  });

  test("ten at once work", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const calls = Array.from({ length: 10 }, (_, index) => user.run(["ssh", "1001", "--", `echo ${index}`]));
    const results = await Promise.all(calls);
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 10 }, (_, index) => `${index}\n`));
    await user.expectNothingLeft();
  });
});

async function sha256(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
