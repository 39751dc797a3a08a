import { describe, expect, test } from "bun:test";
import { parseCommandLine, runProgram } from "../../src/cli/program.ts";
import type { World } from "../../src/cli/world.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";
import { streamPair } from "../support/stream-pair.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, type TestContext } from "../tunnel/tunnel-world.ts";
import { keepingOutput, makeWorld, type WorldWishes } from "./cli-world.ts";

const PIPE_SHORTS = "lp rp ct s sp sh su sk d l v t ts f ke ks re rd r rg u i".split(" ");

async function help(line: string, columns = 100): Promise<string> {
  const parsed = await parseCommandLine(makeWorld(line.split(" "), { stdout: keepingOutput({ columns }) }));
  if (parsed.kind !== "help") throw new Error("No help was printed");
  return parsed.text;
}

/** Runs a command line over a scratch home; notes are what a person sees on stderr. */
async function run(
  line: string,
  wishes: WorldWishes & { readonly home: string; readonly prepare?: (context: TestContext) => Promise<void> },
): Promise<{ readonly stdout: string; readonly notes: readonly string[]; readonly outcome: unknown }> {
  const stdout = keepingOutput({ columns: 200 });
  const context = makeAppContext({ home: wishes.home, processes: new FakeProcesses(makeIdentity(101)) });
  await wishes.prepare?.(context);
  const world: World = {
    ...makeWorld(line === "" ? [] : line.split(" "), wishes),
    stdout,
    createContext: () => context,
    openStdio: () => Object.assign(streamPair()[0], { failure: undefined }),
  };
  const outcome = await runProgram(world).catch((error) => error);
  return { stdout: stdout.text(), notes: context.notes, outcome };
}

describe("help", () => {
  test.each(["", "--help", "-h", "tunnel --help"])("of '%s' names every command", async (line) => {
    const text = line === "" ? await help("--help") : await help(line);
    for (const command of ["start", "stop", "list", "status", "logs", "proxy", "ssh", "info", "service", "sandbox"]) {
      expect(text).toMatch(new RegExp(`\\n  runtunnel ${command}\\b`));
    }
    expect(text).not.toContain("serve <");
  });

  test("of start names every option that users of `pipe` know, with one dash", async () => {
    const text = await help("start --help");
    for (const short of PIPE_SHORTS) expect(text).toMatch(new RegExp(`(^|\\s)-${short}, --`));
    expect(text).not.toMatch(/\s--(lp|rp|ct|ke|ks|re|rd|ts|rg|su|sk)[\s,]/);
  });

  test.each([60, 80, 110])("is no wider than %d columns", async (columns) => {
    for (const line of ["--help", "stop --help", "list --help"]) {
      for (const printed of (await help(line, columns)).split("\n")) {
        expect(printed.length).toBeLessThanOrEqual(Math.max(columns, 80));
      }
    }
  });
});

describe("no command", () => {
  test.each(["", "tunnel"])("'%s' says where one stands, and what to type next", async (line) => {
    await using home = await tempHome();
    const { outcome, stdout } = await run(line, { home: home.path });
    expect(outcome).toBe(0);
    expect(stdout).toContain("Platforms\n");
    expect(stdout).toContain("Tunnels\n  none\n");
    expect(stdout).toMatch(/Next\n(?: {2}runtunnel .*\n)+$/);
  });

  test("never tells to stop what is well in order to clean up what is dead", async () => {
    await using home = await tempHome();
    const { stdout } = await run("", {
      home: home.path,
      prepare: ({ registry }) => registry.write(makeRecord({ id: "1-dead", process: makeIdentity(999) })),
    });
    expect(stdout).toContain("  runtunnel stop 1-dead ");
    expect(stdout).not.toMatch(/runtunnel stop {2}/);
  });

  test("with --json says the same to programs", async () => {
    await using home = await tempHome();
    const { outcome, stdout } = await run("--json", { home: home.path });
    expect(outcome).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ version: "runtunnel 0.0.0 (test)", tunnels: [] });
  });
});

describe("the command line", () => {
  test.each([
    ["start 1 -rp 22 -t 300", true],
    ["start 1 -rp 22 -t 999", true],
    ["start 1 -rp 22 -t 1000", false],
    ["start 1 -rp 22 -t 300ms", false],
    ["start 1 -rp 22 -t 5m", false],
    ["start 1 -rp 22", false],
  ])("of '%s' advises about milliseconds: %p", async (line, advises) => {
    await using home = await tempHome();
    // The name is none of a run, so that nothing is started.
    const { notes } = await run(line.replace(" 1 ", " ? "), { home: home.path });
    expect(notes.some((note) => note.startsWith("hint: --timeout") && note.includes("milliseconds"))).toBe(advises);
  });

  test.each([
    ["stop -t 5", "hint: --timeout 5 means 5 milliseconds; write 5s for seconds"],
    ["down -t 5", "hint: --timeout 5 means 5 milliseconds; write 5s for seconds"],
    ["stop -ts 2000", "hint: --timeout-stop 2000 means 2000 seconds (33m 20s); write 2000ms for milliseconds"],
    [
      "start ? -rp 22 -ct 3000",
      "hint: --connection-timeout 3000 means 3000 seconds (50m); write 3000ms for milliseconds",
    ],
    ["start ? -rp 22 -ct 30", undefined],
    ["stop -t 0", undefined],
  ])("of '%s' tells of a unit that was hardly meant", async (line, hint) => {
    await using home = await tempHome();
    const { notes } = await run(line, { home: home.path });
    expect(notes.filter((note) => note.includes(" means "))).toEqual(hint === undefined ? [] : [hint]);
  });

  test("lists nothing where nothing runs", async () => {
    await using home = await tempHome();
    expect(await run("list", { home: home.path })).toMatchObject({
      outcome: 0,
      stdout: expect.stringContaining("No tunnels"),
    });
    expect(JSON.parse((await run("list --json", { home: home.path })).stdout)).toEqual({ tunnels: [], damaged: [] });
  });

  test("lists tunnels as a table and as JSON, without the token of their control channel", async () => {
    await using home = await tempHome();
    const prepare = (context: TestContext): Promise<void> =>
      context.registry.write(makeRecord({ process: makeIdentity(999), control: { port: 1, token: "s3cr3t" } }));
    const table = await run("list", { home: home.path, prepare });
    expect(table.stdout).toMatch(/^RUN +PLATFORM +LOCAL +REMOTE +PID +OWNER +HEALTH +SINCE +CONNS +BYTES +RTT\n/);
    expect(table.stdout).toMatch(/\npipeline-56819 +cloud-pipeline +4567 +22 +999 +ada +dead /);
    const json = await run("list --json", { home: home.path });
    expect(JSON.parse(json.stdout)).toMatchObject({
      tunnels: [
        {
          id: "56819-0a1b2c3d",
          run: "56819",
          name: "pipeline-56819",
          platform: "cloud-pipeline",
          ports: [{ local: 4567, remote: 22 }],
          pid: 999,
          owner: "ada",
          state: "dead",
        },
      ],
    });
    const status = await run("status", { home: home.path });
    expect(status.stdout).toContain("127.0.0.1:4567 -> 22");
    for (const { stdout } of [table, json, status, await run("status --json", { home: home.path })]) {
      expect(stdout).not.toContain("s3cr3t");
    }
  });

  test("stops nothing with success", async () => {
    await using home = await tempHome();
    expect(await run("stop", { home: home.path })).toMatchObject({ outcome: 0, stdout: "No tunnel to stop\n" });
    expect(JSON.parse((await run("stop 1 --json", { home: home.path })).stdout)).toEqual({ stopped: [] });
  });

  test("cleans up behind a dead tunnel with stop", async () => {
    await using home = await tempHome();
    const prepare = (context: TestContext): Promise<void> =>
      context.registry.write(makeRecord({ process: makeIdentity(999) }));
    const { stdout, outcome } = await run("stop -lp 4567", { home: home.path, prepare });
    expect(outcome).toBe(0);
    expect(stdout).toBe("pipeline-56819: 127.0.0.1:4567 -> 22, was dead, cleaned up\n");
  });

  test.each([
    ["status 7", 5],
    ["logs 7", 5],
    ["list --log-level LOUD", 2],
    ["list extra", 2],
    ["proxy 1", 2],
    ["proxy 1 0", 2],
    ["proxy 1 70000", 2],
  ])("of '%s' ends with %d", async (line, exitCode) => {
    await using home = await tempHome();
    expect((await run(line, { home: home.path })).outcome).toMatchObject({ exitCode });
  });

  test("masks secrets in config show", async () => {
    await using home = await tempHome();
    const environment = { API_TOKEN: "s3cr3t-token" };
    for (const line of ["config show", "config show --json"]) {
      const { stdout, outcome } = await run(line, { home: home.path, environment, configText: "retries = 7" });
      expect(outcome).toBe(0);
      expect(stdout).toContain("retries");
      expect(stdout).not.toContain("s3cr3t");
    }
  });
});
