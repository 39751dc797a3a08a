// The executable against a sandbox whose runs, EDGE, API and tokens come and go: tunnels recover by themselves.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Scratch } from "../e2e/support/scratch.ts";
import { connect, serveEcho } from "../e2e/support/sockets.ts";
import { openSandbox, type TestSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";

setDefaultTimeout(90_000);

type Reason = { readonly code: string; readonly hop: string | null; readonly message: string; readonly since: string };
type Listed = {
  readonly state: string;
  readonly pid: number;
  readonly reason: Reason | null;
  readonly outages: readonly { readonly to?: number; readonly reasons: readonly { readonly code: string }[] }[];
};

/** The only tunnel, as `list --json` shows it. */
async function listed(user: Scratch): Promise<Listed> {
  const { tunnels } = await user.json<{ tunnels: readonly Listed[] }>(["list"]);
  const [tunnel] = tunnels;
  if (tunnel === undefined) throw new Error("There is no tunnel");
  return tunnel;
}

/** The text of all files of that name in the user's `.ssh` folder. */
async function sshFiles(user: Scratch, name = ""): Promise<string> {
  const paths = (await user.files()).filter((path) => path.startsWith(".ssh/") && path.endsWith(name));
  const texts = await Promise.all(paths.map((path) => readFile(join(user.home, path), "utf8").catch(() => "")));
  return texts.join("\n");
}

/** What lets keys into the accounts of the sandbox's runs. */
async function authorisedKeys(sandbox: TestSandbox): Promise<string> {
  const names = await readdir(sandbox.folder, { recursive: true });
  const files = names.filter((name) => name.endsWith("authorized_keys"));
  return (await Promise.all(files.map((name) => readFile(join(sandbox.folder, name), "utf8")))).join("");
}

/** First bytes from a port of this machine; the empty text where the connection was refused or dropped. */
async function firstBytes(port: number): Promise<string> {
  const socket = await connect(port);
  return await new Promise((resolve) => {
    socket.once("data", (chunk) => {
      socket.destroy();
      resolve(chunk.toString("latin1"));
    });
    socket.once("close", () => resolve(""));
  });
}

/** A user who is logged in by the client's own file. */
async function userWithClientFile(sandbox: TestSandbox): Promise<Scratch> {
  const user = await Scratch.create();
  await writeToken(user, sandbox, sandbox.token);
  return user;
}

async function writeToken(user: Scratch, sandbox: TestSandbox, token: string): Promise<void> {
  const folder = join(user.home, ".pipe");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify({ api: sandbox.apiUrl, access_key: token, tz: "local" }));
}

const LONG = { timeoutMs: 40_000 };

describe.concurrent("a running tunnel", () => {
  test("outlives a pause, says so, and follows the run to its new address", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await sandbox.control(["pause", "1001"]);
    await eventually(async () => {
      expect(await firstBytes(tunnel.port)).toBe("");
      expect((await listed(user)).reason).toMatchObject({ code: "run-paused", hop: "run-state" });
    }, LONG);
    expect((await user.run(["list"])).stdout).toMatch(/^pipeline-1001: Run 1001 is paused, since \d\d:\d\d:\d\d /m);
    expect((await user.run(["logs", "1001"])).stdout).toContain("Run 1001 is paused");
    await sandbox.control(["resume", "1001", "10.244.77.77"]);
    await eventually(async () => expect(await firstBytes(tunnel.port)).toStartWith("SSH-"), LONG);
    const after = await eventually(async () => {
      const found = await listed(user);
      expect(found).toMatchObject({ state: "healthy", pid: tunnel.pid, reason: null });
      return found;
    }, LONG);
    expect(after.outages.at(-1)?.to).toBeNumber();
    expect(after.outages.flatMap(({ reasons }) => reasons.map(({ code }) => code))).toContain("run-paused");
    expect((await user.run(["status", "1001"])).stdout).toContain("10.244.77.77");
  });

  test("says on stop that its key is still on a run that is out of reach", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    await sandbox.control(["pause", "1001"]);
    const stopped = await user.run(["stop"]);
    expect(stopped.exitCode).toBe(0);
    expect(stopped.stderr).toContain("warning: Cannot remove our key from pipeline-1001: Run 1001 is paused");
    await user.expectNothingLeft();
  });

  test("ends by itself when its run is over, and undoes its SSH configuration", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    expect(await sshFiles(user)).toContain("Host pipeline-1001");
    await sandbox.control(["stop", "1001"]);
    await firstBytes(tunnel.port).catch(() => "");
    await eventually(async () => expect(await user.list()).toEqual([]), LONG);
    const log = await readFile(tunnel.logFile, "utf8");
    expect(log).toContain("Run 1001 has ended");
    expect(log).not.toContain("Cannot remove our key");
    await user.expectNothingLeft(/^\.local\/state\/runtunnel\/logs\//);
  });

  test("sets SSH up anew for a run that was restarted with other host keys", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    const before = await sshFiles(user, "known_hosts");
    expect(before).toContain("pipeline-1001");
    await sandbox.control(["restart", "1001", "10.244.77.78"]);
    await firstBytes(tunnel.port).catch(() => "");
    await eventually(async () => {
      const now = await sshFiles(user, "known_hosts");
      expect(now).toContain("pipeline-1001");
      expect(now).not.toBe(before);
    }, LONG);
    expect(await firstBytes(tunnel.port)).toStartWith("SSH-");
    await eventually(async () => expect(await sshFiles(user, "config")).toContain("Host pipeline-1001"));
    await user.run(["stop", "1001"]);
    expect(await sshFiles(user)).not.toContain("pipeline-1001");
    expect(await authorisedKeys(sandbox)).not.toContain("runtunnel:");
  });

  test("leaves SSH as it is for a run that was resumed with its disk and host keys", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    const before = await sshFiles(user);
    const keyBefore = await authorisedKeys(sandbox);
    expect(keyBefore).toContain("runtunnel:");
    await sandbox.control(["pause", "1001"]);
    await sandbox.control(["resume", "1001", "10.244.77.79"]);
    await eventually(async () => expect(await firstBytes(tunnel.port)).toStartWith("SSH-"), LONG);
    await eventually(async () => {
      expect(await readFile(tunnel.logFile, "utf8")).toContain("SSH of pipeline-1001 works as it is set up");
    }, LONG);
    expect(await sshFiles(user)).toBe(before);
    expect(await authorisedKeys(sandbox)).toBe(keyBefore);
    await user.run(["stop", "1001"]);
    expect(await authorisedKeys(sandbox)).not.toContain("runtunnel:");
    await user.expectNothingLeft();
  });

  test("tells a refused token from a network fault, and picks a renewed one up from the client's file", async () => {
    await using sandbox = await openSandbox();
    await using user = await userWithClientFile(sandbox);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await sandbox.control(["expire-token"]);
    await eventually(async () => {
      expect(await firstBytes(tunnel.port)).toBe("");
      const { reason } = await listed(user);
      expect(["api-login", "proxy-login"]).toContain(reason?.hop ?? "none");
    }, LONG);
    await writeToken(user, sandbox, await sandbox.control(["token", "user"]));
    await eventually(async () => expect(await firstBytes(tunnel.port)).toStartWith("SSH-"), LONG);
    expect((await listed(user)).pid).toBe(tunnel.pid);
  });

  test("holds the line while EDGE is down", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await sandbox.control(["edge", "down"]);
    const held = Array.from({ length: 20 }, () => firstBytes(tunnel.port));
    await eventually(async () => expect((await listed(user)).reason).toMatchObject({ hop: "proxy-tcp" }));
    await sandbox.control(["edge", "up"]);
    for (const words of await Promise.all(held)) expect(words).toStartWith("SSH-");
  });

  test("goes on while the API is down", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await sandbox.control(["edge", "authentication", "off"]);
    await sandbox.control(["edge", "reset"]);
    const held = firstBytes(tunnel.port);
    await eventually(async () => expect((await listed(user)).reason).not.toBeNull());
    await sandbox.control(["api", "down"]);
    await sandbox.control(["edge", "none"]);
    const log = (): string => readFileSync(tunnel.logFile, "utf8");
    expect(await held, log()).toStartWith("SSH-");
    expect(await firstBytes(tunnel.port), log()).toStartWith("SSH-");
  });

  test("holds the line while EDGE refuses everybody because the API is down", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    await sandbox.control(["api", "down"]);
    const held = firstBytes(tunnel.port);
    await eventually(async () => expect((await listed(user)).reason).not.toBeNull());
    await sandbox.control(["api", "up"]);
    expect(await held, readFileSync(tunnel.logFile, "utf8")).toStartWith("SSH-");
  });

  test("keeps its other ports when one of them refuses, and never calls that more than degraded", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await using echo = await serveEcho();
    await sandbox.control(["open", "1001", "8888", String(echo.port)]);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "8888"]);
    await sandbox.control(["close", "1001", "8888"]);
    for (let turn = 0; turn < 5; turn += 1) await firstBytes(tunnel.port);
    await eventually(async () =>
      expect(await listed(user)).toMatchObject({ state: "degraded", reason: { code: "remote-port-refused" } }),
    );
  });
});
