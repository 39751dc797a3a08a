// `doctor` against the sandbox: each hop broken in turn, told with the code and the exit code that a start ends with.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox, type TestSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { kill, Scratch } from "./support/scratch.ts";
import { findFreePort } from "./support/servers.ts";
import { serveEcho } from "./support/sockets.ts";

setDefaultTimeout(60_000);

type CheckJson = {
  readonly name: string;
  readonly subject: string;
  readonly state: string;
  readonly message: string;
  readonly code: string | null;
  readonly hop: string | null;
  readonly hint: string | null;
  readonly exitCode: number | null;
};
type Answer = { readonly ok: boolean; readonly exitCode: number; readonly checks: readonly CheckJson[] };

async function consult(user: Scratch, ...words: readonly string[]): Promise<Answer> {
  const result = await user.run(["doctor", ...words, "--json"]);
  const answer: Answer = JSON.parse(result.stdout);
  expect(result.exitCode).toBe(answer.exitCode);
  expect(answer.ok).toBe(result.exitCode === 0);
  return answer;
}

const firstFailure = ({ checks }: Answer): CheckJson | undefined => checks.find(({ state }) => state === "failed");
const stateOf = ({ checks }: Answer, name: string): string | undefined =>
  checks.find((check) => check.name === name)?.state;

/** A fault: what to do to the sandbox, what to change in the environment, the words after the run. */
type Fault = {
  readonly steer?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly run?: string;
  readonly words?: readonly string[];
  /** Where it is found. */
  readonly check: string;
};

/** Nobody listens there, and nobody can be given this port in the middle of a test. */
const NOWHERE = { host: "127.99.9.9", port: "1" } as const;

const FAULTS: Readonly<Record<string, Fault>> = {
  "no token": { env: { API_TOKEN: undefined }, check: "credentials" },
  "a token that has expired by itself": {
    env: { API_TOKEN: `e30.${Buffer.from('{"sub":"ADA","exp":1}').toString("base64url")}.x` },
    check: "credentials",
  },
  "no address": { env: { API: undefined }, check: "credentials" },
  "a token that is refused": { steer: ["expire-token"], check: "api" },
  "an API that is down": {
    env: { API: `http://${NOWHERE.host}:${NOWHERE.port}/pipeline/restapi/` },
    check: "api-connect",
  },
  "a run that is paused": { run: "1004", check: "run-state" },
  "a run that is not initialised": { run: "1003", check: "run-state" },
  "a run that does not exist": { run: "4242", check: "run-state" },
  "EDGE that is down": {
    env: { CP_CLI_TUNNEL_PROXY_HOST: NOWHERE.host, CP_CLI_TUNNEL_PROXY_PORT: NOWHERE.port },
    check: "route-connect",
  },
  "EDGE that refuses the login": { steer: ["edge", "status", "401"], check: "remote-port" },
  "EDGE that speaks no HTTP": { steer: ["edge", "garbage"], check: "remote-port" },
  "a port on which nothing listens": { words: ["-rp", "9"], check: "remote-port" },
};

describe.skipIf(process.platform !== "linux")("doctor RUN", () => {
  test("finds nothing where all is well, and tells every hop with its time", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const answer = await consult(user, "1001", "--ssh");
    expect(answer.checks.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "configuration ok",
      "credentials ok",
      "api-connect ok",
      "api ok",
      "clock ok",
      "run-state ok",
      "route-connect ok",
      "remote-port ok",
      "ssh-login ok",
      expect.stringMatching(/^ssh-client (ok|warning)$/),
      "tunnel skipped",
    ]);
    const text = (await user.run(["doctor", "1001"])).stdout;
    expect(text).toMatch(/^ok {4}Remote port +\d+(\.\d)?m?s {2}port 22: an SSH server answers$/m);
    expect(text).toEndWith("\nNothing is broken\n");
    expect(text).not.toContain(sandbox.token);
    await user.expectNothingLeft();
  });

  for (const [what, fault] of Object.entries(FAULTS)) {
    const { check, env = {}, run = "1001", steer, words = [] } = fault;
    test(`finds ${what} where a start does, with the same exit code`, async () => {
      await using sandbox = await openSandbox();
      await using user = await Scratch.create(sandbox.environment);
      if (steer !== undefined) await sandbox.control(steer);
      const port = words.includes("-rp") ? [] : ["-rp", "22"];
      const answer = await user.run(["doctor", run, ...port, ...words, "--json"], { env });
      const found = firstFailure(JSON.parse(answer.stdout));
      const started = await user.run(
        ["start", run, "-lp", "0", ...port, ...words, "-r", "1", "--wait-for", "remote", "--json"],
        { env },
      );
      const { error } = JSON.parse(started.stdout);
      expect(found?.name).toBe(check);
      expect([found?.hop, found?.exitCode]).toEqual([error.hop ?? null, started.exitCode]);
      expect(answer.exitCode).toBe(started.exitCode);
      expect(found?.hint).toBeTruthy();
      await user.expectNothingLeft();
    });
  }

  test("an SSH tunnel is tried as the user would, from the alias to the login", async () => {
    if (!requirePeer("ssh")) return;
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const folder = join(user.home, "ssh");
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh", "--ssh-path", folder]);
    const well = await consult(user, "1001", "--ssh");
    expect(well.exitCode, JSON.stringify(well)).toBe(0);
    for (const name of ["tunnel", "local-port", "ssh-config", "ssh-host-key", "ssh-login"]) {
      expect(stateOf(well, name), name).toBe("ok");
    }
    const knownHosts = join(folder, "runtunnel", "known_hosts");
    const text = await readFile(knownHosts, "utf8");
    await writeFile(
      knownHosts,
      text.replaceAll(/AAAA\S+/g, "AAAAC3NzaC1lZDI1NTE5AAAAIFGkT0G8rE0PjVGHXCfLhqpvB5dHXUQ3M8Qb7cWk0x5V"),
    );
    expect(firstFailure(await consult(user, "1001"))).toMatchObject({
      name: "ssh-host-key",
      code: "host-key-mismatch",
      exitCode: 4,
    });
    await writeFile(knownHosts, text);
    const config = join(folder, "config");
    await writeFile(config, `Host pipeline-1001\n  Port 1\n${await readFile(config, "utf8")}`);
    expect(firstFailure(await consult(user, "1001"))).toMatchObject({
      name: "ssh-config",
      code: "ssh-config-differs",
      exitCode: 1,
    });
    await user.run(["stop", "--force"]);
  });

  test("a tunnel that hangs, one that was killed and a local port that somebody holds are told", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", String(server.port)]);
    expect((await consult(user, "127.0.0.1")).exitCode).toBe(0);
    kill(tunnel.pid, "SIGSTOP");
    const hanging = firstFailure(await consult(user, "127.0.0.1"));
    expect(hanging).toMatchObject({
      name: "tunnel",
      code: "tunnel-hangs",
      hint: `runtunnel stop ${tunnel.id} --force`,
    });
    kill(tunnel.pid, "SIGKILL");
    await eventually(async () => {
      const dead = (await consult(user, "127.0.0.1")).checks.find(({ name }) => name === "tunnel");
      expect([dead?.state, dead?.hint]).toEqual(["warning", `runtunnel stop ${tunnel.id}`]);
    });
    const taken = await consult(user, "127.0.0.1", "-rp", String(server.port), "-lp", String(server.port));
    expect(firstFailure(taken)).toMatchObject({ name: "local-port", code: "local-port-taken", exitCode: 3 });
    const free = await consult(user, "127.0.0.1", "-rp", String(server.port), "-lp", String(await findFreePort()));
    expect(stateOf(free, "local-port")).toBe("ok");
  });

  test("a name that is no run's ends as a start does", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["doctor", "?"]);
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toContain("FAIL  Configuration");
    expect(result.stderr).toBe("");
  });
});

describe.skipIf(process.platform !== "linux")("doctor", () => {
  const look = (user: Scratch): Promise<Answer> => consult(user);

  test("looks at every configured platform, the SSH client and the tunnels", async () => {
    await using sandbox: TestSandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    const answer = await look(user);
    expect(answer.exitCode).toBe(0);
    expect(answer.checks.filter(({ name }) => name === "api").map(({ subject }) => subject)).toEqual([
      "Cloud Pipeline",
      "Backend.AI",
    ]);
    expect(answer.checks.find(({ name }) => name === "tunnel")?.message).toMatch(/^healthy for /);
    await user.run(["stop"]);
  });

  test("tells of settings that cannot be read and goes on", async () => {
    await using user = await Scratch.create();
    const folder = join(user.home, ".config", "runtunnel");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.toml"), "retries = ");
    const answer = await look(user);
    expect(firstFailure(answer)).toMatchObject({ name: "configuration", code: "config-damaged", exitCode: 2 });
    expect(stateOf(answer, "ssh-client")).toBeDefined();
    await writeFile(join(folder, "config.toml"), "retries = 3\n");
    await chmod(join(folder, "config.toml"), 0o644);
    const readable = (await look(user)).checks.find(({ state, name }) => name === "files" && state === "warning");
    expect(readable?.hint).toBe(`chmod 600 '${join(folder, "config.toml")}'`);
  });

  test("says that no platform is configured", async () => {
    await using user = await Scratch.create();
    const answer = await look(user);
    expect(answer.exitCode).toBe(0);
    expect(answer.checks.filter(({ name }) => name === "platform").map(({ state }) => state)).toEqual([
      "skipped",
      "skipped",
      "warning",
    ]);
  });
});
