// `runtunnel runs`, and the chooser of `start`, as people see them.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import Ajv2020 from "ajv/dist/2020";
import schema from "../../docs/schema/runs.json" with { type: "json" };
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand } from "../support/run-cli.ts";
import { Terminal } from "../support/terminal.ts";
import { Scratch } from "./support/scratch.ts";

setDefaultTimeout(60_000);

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

type RunsJson = {
  readonly runs: readonly {
    readonly run: string;
    readonly platform: string;
    readonly phase: string;
    readonly tunnels: readonly { readonly ports: readonly { readonly local: number }[] }[];
  }[];
  readonly complete: boolean;
};

describe.skipIf(process.platform === "win32")("runs", () => {
  test("lists the runs of both platforms, marks tunnels, and fits", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    const { stdout, exitCode, stderr } = await user.run(["runs"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^RUN +NAME +STATE +PLATFORM +OWNER +IMAGE +AGE +TUNNEL$/m);
    expect(stdout).toMatch(new RegExp(`^1001 +RUNNING +cloud-pipeline .* ${tunnel.port} -> 22$`, "m"));
    expect(stdout).toMatch(/^demo +RUNNING +backend-ai .* -$/m);
    expect(stdout).not.toContain("1013");
    const everything = await user.json<RunsJson>(["runs", "--all"]);
    expect([validate(everything), validate.errors]).toEqual([true, null]);
    const { runs } = await user.json<RunsJson>(["runs", "--state", "ready", "--platform", "cp"]);
    expect(new Set(runs.map(({ phase }) => phase))).toEqual(new Set(["ready"]));
    expect(runs.find(({ run }) => run === "1001")?.tunnels[0]?.ports[0]?.local).toBe(tunnel.port);
    await user.run(["stop"]);
  });

  test("filters by state, in the platform's words too, and says which states there are", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const over = await user.json<RunsJson>(["runs", "--state", "stopped,failure"]);
    expect(over.runs.map(({ run }) => run)).toEqual(["1018", "1013"]);
    const none = await user.run(["runs", "--state", "resuming"]);
    expect([none.exitCode, none.stdout]).toEqual([
      0,
      expect.stringMatching(/^No runs in that state; there are: RUNNING, .*PAUSED/),
    ]);
  });

  test("goes on with a warning where one platform refuses", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create({ ...sandbox.environment, BACKEND_SECRET_KEY: "wrong" });
    const { stdout, stderr, exitCode } = await user.run(["runs"]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^warning: Backend\.AI: /);
    const half = await user.json<RunsJson>(["runs"]);
    expect([validate(half), validate.errors]).toEqual([true, null]);
    expect(stdout).toContain("1001");
  });

  test("points to init where nothing is set up", async () => {
    await using user = await Scratch.create();
    const { stderr, exitCode } = await user.run(["runs"]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Run "runtunnel init"')]);
  });
});

describe.skipIf(process.platform !== "linux" || !requirePeer("tmux"))("start without a run", () => {
  test("says what to type where nobody can choose", async () => {
    await using user = await Scratch.create();
    expect(await user.run(["start"])).toEqual({
      stdout: "",
      stderr:
        'error: No run is given\nhint: Type "runtunnel start RUN -lp 4567 -rp 22"; "runtunnel runs" lists your runs\n',
      exitCode: 2,
    });
  });

  test("offers the runs on a terminal; typing narrows the list", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await using terminal = await Terminal.open(["start"], { home: user.home, env: user.env });
    await terminal.see("Which run?");
    await terminal.type("568");
    await terminal.see(/● 56819 +RUNNING +centos:7/);
    await terminal.press("Enter");
    await terminal.see("Remote port?");
    await terminal.press("Enter");
    await terminal.see("Local port?");
    await terminal.press("Enter");
    await terminal.see("Passwordless SSH?");
    await terminal.type("n");
    const screen = await terminal.see(/pipeline-56819: 127\.0\.0\.1:\d+ -> 22, PID \d+, up in/);
    expect(screen).toContain("The same in one line: runtunnel start 56819 -lp 0 -rp 22");
    expect(await terminal.end()).toBe(0);
    expect((await user.list()).map(({ name }) => name)).toEqual(["pipeline-56819"]);
    await user.run(["stop"]);
    await user.expectNothingLeft(/^\.local\/state\/runtunnel\/(?:logs\/|known-runs\.json$)/);
  });

  test("ends with 130 when the person gives up, and starts nothing", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await using terminal = await Terminal.open(["start"], { home: user.home, env: user.env });
    await terminal.see("Which run?");
    await terminal.press("C-c");
    expect(await terminal.end()).toBe(130);
    expect(await terminal.screen()).toContain("error: Nothing was chosen");
    expect(await user.list()).toEqual([]);
  });

  test("ends with its terminal", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    {
      await using terminal = await Terminal.open(["start"], { home: user.home, env: user.env });
      await terminal.see("Which run?");
    }
    await user.expectNothingLeft(/known-runs\.json$/);
  });

  test("fits the table to the terminal", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await using terminal = await Terminal.run(["sh", "-c", 'stty cols 72; "$@"', "sh", ...cliCommand(), "runs"], {
      home: user.home,
      env: user.env,
    });
    expect(await terminal.end()).toBe(0);
    const lines = (await terminal.screen()).split("\n").filter((line) => /RUNNING|PAUSED/.test(line));
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(72);
  });
});
