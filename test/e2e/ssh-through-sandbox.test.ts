// The main job: a tunnel to a run, OpenSSH through it, and nothing left afterwards.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { Scratch } from "./support/scratch.ts";
import { connect, echoOnce } from "./support/sockets.ts";
import { ISOLATED, passwordEnvironment, runClient } from "./support/ssh-clients.ts";

setDefaultTimeout(60_000);

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(!requirePeer("ssh", "scp", "sftp"))("start, OpenSSH, stop against the sandbox", () => {
  test("start opens a tunnel that ssh, scp and sftp use, and stop leaves nothing", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const started = await user.run(["start", "1001", "-lp", "0", "-rp", "22"]);
    expect(started.stderr).toBe("");
    const line = /^pipeline-1001: 127\.0\.0\.1:(\d+) -> 22, PID (\d+), up in \d/.exec(started.stdout);
    expect(line, started.stdout).not.toBeNull();
    const port = line?.[1] ?? "";

    const env = await passwordEnvironment(user.home, "password-of-1001");
    const shell = await runClient(["ssh", ...ISOLATED, "-p", port, "root@127.0.0.1", "echo $HOSTNAME; exit 7"], {
      env,
    });
    expect(shell).toEqual({ stdout: "pipeline-1001\n", stderr: "", exitCode: 7 });

    const bytes = randomBytes(3_000_001);
    const [sent, back, again] = ["sent.bin", "back.bin", "again.bin"].map((name) => join(user.home, name));
    if (sent === undefined || back === undefined || again === undefined) throw new Error("No names");
    await writeFile(sent, bytes);
    const far = "root@127.0.0.1:/common/workdir/sent.bin";
    expect((await runClient(["scp", ...ISOLATED, "-P", port, sent, far], { env })).exitCode).toBe(0);
    expect((await runClient(["scp", "-O", ...ISOLATED, "-P", port, far, back], { env })).exitCode).toBe(0);
    expect(sha256(await readFile(back))).toBe(sha256(bytes));

    const batch = `cd /common/workdir\nrename sent.bin moved.bin\nget moved.bin ${again}\nrm moved.bin\nls\n`;
    const words = ["sftp", ...ISOLATED, "-o", "BatchMode=no", "-b", "-", "-P", port, "root@127.0.0.1"];
    const sftp = await runClient(words, { env, input: batch });
    expect(sftp.exitCode, sftp.stderr).toBe(0);
    expect(sha256(await readFile(again))).toBe(sha256(bytes));

    const [listed] = await user.list();
    expect(listed).toMatchObject({ name: "pipeline-1001", state: "healthy", pid: Number(line?.[2]) });
    expect(listed?.bytes?.up).toBeGreaterThan(3_000_000);
    expect(listed?.bytes?.down).toBeGreaterThan(6_000_000);
    expect(listed?.connections?.failed).toBe(0);
    const table = (await user.run(["list"])).stdout;
    expect(table).toMatch(new RegExp(`pipeline-1001\\s+cloud-pipeline\\s+${port}\\s+22\\s+${line?.[2]}\\s.*healthy`));
    const status = await user.run(["status", "pipeline-1001"]);
    expect(status.stdout).toContain("http-connect via http://127.0.0.1:");
    expect((await user.run(["logs", "1001"])).stdout).toContain("The tunnel is up run=pipeline-1001");

    const stopped = await user.run(["stop", "1001"]);
    expect(stopped).toMatchObject({ stderr: "", exitCode: 0 });
    expect(stopped.stdout).toBe(`pipeline-1001: 127.0.0.1:${port} -> 22, stopped\n`);
    await user.expectNothingLeft(/^(askpass|\w+\.bin|\.local\/state\/runtunnel\/logs\/.*)$/);
    expect((await runClient(["ssh", ...ISOLATED, "-p", port, "root@127.0.0.1", "true"], { env })).exitCode).toBe(255);
  });

  test("every command works with the word tunnel before it and the options of pipe", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const run = await user.run([
      "tunnel",
      "start",
      "56819",
      "-lp=0",
      "-rp",
      "22",
      "-ct",
      "5.5",
      "-r",
      "3",
      "-t",
      "60000",
    ]);
    expect(run.exitCode, run.stderr).toBe(0);
    expect((await user.run(["tunnel", "list"])).stdout).toContain("pipeline-56819");
    expect((await user.run(["tunnel", "stop", "pipeline-56819", "-t", "5000"])).stdout).toContain("stopped");
    await user.expectNothingLeft();
  });

  test("a port on which nothing listens yet: the tunnel stays, warns, and works as soon as something does", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const started = await user.run(["start", "1001", "-lp", "0", "-rp", "8889"]);
    expect(started.exitCode).toBe(0);
    expect(started.stderr).toMatch(/^warning: .*8889/);
    expect((await user.list())[0]?.state).toBe("degraded");
    await sandbox.control(["open", "1001", "8889"]);
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(started.stdout)?.[1]);
    expect(await echoOnce(port, "late but there")).toBe("late but there");
    await eventually(async () => expect((await user.list())[0]?.state).toBe("healthy"));
    await user.run(["stop"]);
    await user.expectNothingLeft();
    const strict = await user.run(["start", "1001", "-lp", "0", "-rp", "9999", "--wait-for", "remote", "-r", "2"]);
    expect(strict.exitCode).toBe(6);
    expect(strict.stderr).toContain("9999");
    await user.expectNothingLeft();
  });

  test("the tunnel ends by itself when its run is stopped, and its log says so", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-rp", "22", "-lp", "0"]);
    await sandbox.control(["stop", "1001"]);
    // The next connection notices; the client sees it closed, not a foreign byte.
    const socket = await connect(tunnel.port);
    await eventually(() => expect(socket.destroyed || socket.readableEnded).toBe(true));
    await eventually(async () => expect(await user.list()).toEqual([]));
    const log = (await user.run(["logs", "1001"])).stdout;
    expect(log).toMatch(/Run 1001 has ended/);
    await user.expectNothingLeft();
  });

  test("a paused and resumed run is found at its new address without a restart of the tunnel", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-rp", "7", "-lp", "0"]);
    expect(await echoOnce(tunnel.port, "before")).toBe("before");
    await sandbox.control(["pause", "1001"]);
    await sandbox.control(["resume", "1001", "10.244.9.9"]);
    expect(await echoOnce(tunnel.port, "after")).toBe("after");
    expect((await user.list())[0]?.route).toContain("10.244.9.9");
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });
});
