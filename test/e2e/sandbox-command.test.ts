// `runtunnel sandbox` as its users meet it: around a command, as a server in another terminal, and as a remote control.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { cliCommand } from "../support/run-cli.ts";
import { kill, type LongCommand, Scratch } from "./support/scratch.ts";
import { connect, echoOnce } from "./support/sockets.ts";

setDefaultTimeout(60_000);

/** The variables that a sandbox without a command prints. */
function exportsOf(sandbox: LongCommand): Promise<Record<string, string>> {
  return eventually(() => {
    const lines = [...sandbox.stdout.matchAll(/^export (\w+)='([^']*)'$/gm)];
    if (!sandbox.stdout.includes("RUNTUNNEL_SANDBOX=")) throw new Error(`Only: ${sandbox.stdout} ${sandbox.stderr}`);
    return Object.fromEntries(lines.map(([, name, value]) => [name, value]));
  });
}

describe.skipIf(process.platform !== "linux")("sandbox", () => {
  test.each([
    ["exit 0", 0],
    ["exit 7", 7],
    ["kill -TERM $$", 143],
  ])("ends with the exit code of its command: %s", async (script, exitCode) => {
    await using user = await Scratch.create();
    const result = await user.run(["sandbox", "--", "sh", "-c", `echo "$API"; ${script}`]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/pipeline\/restapi\/\n$/);
    expect(result.stderr).toBe("");
    await user.expectNothingLeft();
  });

  test("a program that is not there is named", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["sandbox", "--", "no-such-program"]);
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([
      5,
      'error: There is no program "no-such-program"',
    ]);
    await user.expectNothingLeft();
  });

  test("words behind -- belong to the command alone", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["sandbox", "--", "echo", "--json", "-v", "x", "--", "y"]);
    expect(result).toEqual({ stdout: "--json -v x -- y\n", stderr: "", exitCode: 0 });
  });

  test("a whole session in one shell: start, use, steer, stop", async () => {
    await using user = await Scratch.create();
    const program = cliCommand()
      .map((word) => `'${word}'`)
      .join(" ");
    const script = [
      `rt() { ${program} "$@"; }`,
      "set -e",
      "rt start 1001 -lp 0 -rp 8080 --json > started.json",
      "rt list",
      "rt sandbox status | head -4",
      "rt sandbox pause 1001",
      'rt start 1001 -lp 0 -rp 22 || echo "exit $?"',
      "rt sandbox resume 1001",
      "rt stop",
    ].join("\n");
    const result = await user.run(["sandbox", "--", "sh", "-c", script]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/pipeline-1001 +cloud-pipeline/);
    expect(result.stdout).toContain("1004 PAUSED 10.244.1.5\n1001 PAUSED");
    expect(result.stdout).toContain("exit 6\n1001 RUNNING");
    expect(result.stderr).toBe(
      'error: Run 1001 is paused\nhint: Resume it on its page in Cloud Pipeline. "runtunnel runs" shows how far it is\n',
    );
    await user.expectNothingLeft(/^(started\.json|\.local\/state\/runtunnel\/logs\/.*)$/);
  });

  test("without a command it prints the exports, stays, obeys other terminals, and ends on Ctrl+C", async () => {
    await using user = await Scratch.create();
    const scratch = join(user.home, "scratch");
    await mkdir(scratch);
    user.env["TMPDIR"] = scratch;
    const sandbox = user.spawn(["sandbox"]);
    Object.assign(user.env, await exportsOf(sandbox));
    await eventually(() => expect(sandbox.stderr).toContain("The sandbox runs until Ctrl+C"));
    expect(await readdir(scratch)).toHaveLength(1);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    expect(await echoOnce(tunnel.port, "from another terminal")).toBe("from another terminal");
    expect((await user.run(["sandbox", "stop", "1001"])).stdout).toContain("1001 STOPPED");
    const socket = await connect(tunnel.port);
    await eventually(() => expect(socket.destroyed || socket.readableEnded).toBe(true));
    await eventually(async () => expect(await user.list()).toEqual([]));
    expect((await user.run(["logs", "1001"])).stdout).toContain("Run 1001 has ended");
    expect((await user.run(["sandbox", "fly"])).stderr).toMatch(
      /^error: Unknown sandbox command "fly"\nhint: .*pause RUN/,
    );
    sandbox.interrupt();
    expect((await sandbox.end()).exitCode).toBe(0);
    expect((await user.run(["sandbox", "status"])).stderr).toMatch(/^error: Cannot reach the sandbox/);
    expect(await readdir(scratch)).toEqual([]);
    await user.expectNothingLeft();
  });

  test("SIGTERM ends the command too, and nothing stays behind", async () => {
    await using user = await Scratch.create();
    const sandbox = user.spawn(["sandbox", "--", "sh", "-c", "echo up; exec sleep 1000"]);
    await eventually(() => expect(sandbox.stdout).toBe("up\n"));
    kill(sandbox.pid, "SIGTERM");
    expect((await sandbox.end()).exitCode).toBe(143);
    await user.expectNothingLeft();
  });
});
