// The service without a service manager, and project files, as a user meets them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { closedPort } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { kill, type LongCommand, Scratch } from "./support/scratch.ts";
import { connect, echo, echoOnce, type LoopbackServer, serveEcho, serveLoopback } from "./support/sockets.ts";

type Tunnel = { readonly entry: string; readonly state: string; readonly pid?: number; readonly problem?: string };
type Status = {
  readonly supervisor: { readonly pid: number; readonly url: string; readonly tunnels: readonly Tunnel[] } | null;
};
type Diff = {
  readonly changes: number;
  readonly tunnels: readonly { readonly entry: string; readonly action: string }[];
};

let remote: LoopbackServer;
beforeAll(async () => {
  remote = await serveEcho();
});
afterAll(() => remote[Symbol.asyncDispose]());

/** A table of a tunnel to the echo server. */
function table(name: string, port: number, more = ""): string {
  return `[[tunnel]]\nname = "${name}"\nrun = "127.0.0.1"\ndirect = true\nlocal-port = ${port}\nremote-port = ${remote.port}\n${more}\n`;
}

/** A supervisor in the foreground, up and through. */
async function supervise(scratch: Scratch, path: string): Promise<LongCommand> {
  const command = scratch.spawn(["service", "run", "--config", path]);
  await eventually(async () => {
    if (command.child.exitCode !== null) throw new Error(command.stderr);
    const tunnels = await tunnelsOf(scratch, path);
    if (tunnels.some(({ state }) => state === "starting")) throw new Error(JSON.stringify(tunnels));
  });
  return command;
}

async function statusOf(scratch: Scratch, path: string): Promise<NonNullable<Status["supervisor"]>> {
  const { supervisor } = await scratch.json<Status>(["service", "status", "--config", path]);
  if (supervisor === null) throw new Error("No supervisor runs");
  return supervisor;
}

async function tunnelsOf(scratch: Scratch, path: string): Promise<readonly Tunnel[]> {
  return (await statusOf(scratch, path)).tunnels;
}

async function waitForState(scratch: Scratch, path: string, entry: string, state: string): Promise<Tunnel> {
  return eventually(async () => {
    const tunnels = await tunnelsOf(scratch, path);
    const found = tunnels.find((tunnel) => tunnel.entry === entry);
    if (found?.state !== state) throw new Error(`Not ${state}: ${JSON.stringify(tunnels)}`);
    return found;
  });
}

describe("service run", () => {
  test("serves health, and stops its tunnels at Ctrl+C; reload and stop work over its channel", async () => {
    await using scratch = await Scratch.create();
    const [one, two] = [await closedPort(), await closedPort()];
    const path = join(scratch.home, "t.toml");
    await writeFile(path, `[service]\nlisten = "127.0.0.1:0"\n${table("one", one)}`);
    const command = await supervise(scratch, path);
    const { url } = await statusOf(scratch, path);
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
    const first = await waitForState(scratch, path, "one", "up");
    expect(await echoOnce(one, "hello")).toBe("hello");
    expect(await (await fetch(new URL("/metrics", url))).text()).toMatch(
      /runtunnel_tunnel_bytes_total\{[^}]*"up"\} 5\n/,
    );

    await writeFile(path, `[service]\nlisten = "127.0.0.1:0"\n${table("one", one)}${table("two", two)}`);
    expect((await scratch.run(["service", "reload", "--config", path])).exitCode).toBe(0);
    expect(await echoOnce(two, "new")).toBe("new");
    expect((await waitForState(scratch, path, "one", "up")).pid).toBe(first.pid ?? 0);
    command.interrupt();
    expect((await command.end()).exitCode).toBe(0);
    await scratch.expectNothingLeft(/t\.toml$|runtunnel\/logs\//);

    const again = await supervise(scratch, path);
    expect((await scratch.run(["service", "stop", "--config", path])).exitCode).toBe(0);
    expect((await again.end()).exitCode).toBe(0);
    await scratch.expectNothingLeft(/t\.toml$|runtunnel\/logs\//);
  }, 60_000);

  test("reads the file once more for a reload that comes while another one waits for a slow tunnel", async () => {
    await using scratch = await Scratch.create();
    await using mute = await serveLoopback(() => undefined);
    const [one, two, three] = [await closedPort(), await closedPort(), await closedPort()];
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("one", one));
    const command = await supervise(scratch, path);
    const slow = table("slow", two, 'probe = "ssh"\nconnection-timeout = 60').replace(`${remote.port}`, `${mute.port}`);
    await writeFile(path, `${table("one", one)}${slow}`);
    const waiting = scratch.spawn(["service", "reload", "--config", path]);
    await waitForState(scratch, path, "slow", "starting");
    await writeFile(path, `${table("one", one)}${table("three", three)}`);
    expect((await scratch.run(["service", "reload", "--config", path])).exitCode).toBe(0);
    expect(await echoOnce(three, "new")).toBe("new");
    // What it waited for left the file.
    expect((await waiting.end()).exitCode).toBe(0);
    command.interrupt();
    expect((await command.end()).exitCode).toBe(0);
  }, 60_000);

  test("starts a killed tunnel again; one stopped by hand stays stopped until reload, from any shell", async () => {
    await using scratch = await Scratch.create();
    const [one, two] = [await closedPort(), await closedPort()];
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("one", one) + table("two", two));
    const command = await supervise(scratch, path);
    const before = await waitForState(scratch, path, "one", "up");
    kill(before.pid ?? 0, "SIGKILL");
    await eventually(async () => {
      const now = await waitForState(scratch, path, "one", "up");
      if (now.pid === before.pid) throw new Error("Not started again yet");
    });
    expect(await echoOnce(one, "again")).toBe("again");

    const listed = await scratch.run(["list"]);
    expect(listed.stdout).toContain("(service)");
    expect((await scratch.run(["stop", "-lp", String(one)])).exitCode).toBe(0);
    await waitForState(scratch, path, "one", "held");
    expect((await scratch.run(["stop", "--force", "-lp", String(two)])).exitCode).toBe(0);
    await waitForState(scratch, path, "two", "held");
    expect(await scratch.list()).toEqual([]);
    await scratch.run(["service", "reload", "--config", path]);
    expect(await echoOnce(one, "back")).toBe("back");
    expect(await echoOnce(two, "back")).toBe("back");

    await scratch.run(["stop", "-lp", String(one)]);
    await waitForState(scratch, path, "one", "held");
    await scratch.startTunnel(["127.0.0.1", "--direct", "-lp", String(one), "-rp", String(remote.port)]);
    await waitForState(scratch, path, "one", "up");
    command.signal("SIGTERM");
    expect((await command.end()).exitCode).toBe(0);
    // What was started by hand is its user's to stop.
    expect(await echoOnce(one, "by hand")).toBe("by hand");
  }, 60_000);

  test("a supervisor that is killed leaves tunnels that the next one adopts; stop --force cleans up behind it", async () => {
    await using scratch = await Scratch.create();
    const port = await closedPort();
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("one", port));
    const first = await supervise(scratch, path);
    const { pid } = await waitForState(scratch, path, "one", "up");
    const socket = await connect(port);
    first.signal("SIGKILL");
    await first.end();
    const second = await supervise(scratch, path);
    expect((await waitForState(scratch, path, "one", "up")).pid).toBe(pid ?? 0);
    expect(await echo(socket, "alive")).toBe("alive");
    socket.destroy();
    second.signal("SIGKILL");
    await second.end();
    expect((await scratch.run(["stop", "--force"])).exitCode).toBe(0);
    expect(scratch.processes()).toEqual([]);
    expect(await scratch.list()).toEqual([]);
  }, 60_000);

  test("brings up what it can: a taken port, an unknown run and a registry full of garbage harm no other", async () => {
    await using scratch = await Scratch.create();
    const good = await closedPort();
    await mkdir(scratch.recordFolder, { recursive: true, mode: 0o700 });
    for (let index = 0; index < 20; index += 1) {
      await writeFile(join(scratch.recordFolder, `garbage-${index}.json`), "{\u0000\xff".repeat(index));
    }
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("taken", remote.port) + table("good", good));
    const command = await supervise(scratch, path);
    await waitForState(scratch, path, "good", "up");
    expect((await waitForState(scratch, path, "taken", "waiting")).problem).toContain(`local port ${remote.port}`);
    expect(await echoOnce(good, "fine")).toBe("fine");
    command.interrupt();
    expect((await command.end()).exitCode).toBe(0);
  }, 60_000);

  test("refuses a second supervisor of one file with code 3, also by another path", async () => {
    await using scratch = await Scratch.create();
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("one", await closedPort()));
    const command = await supervise(scratch, path);
    await mkdir(join(scratch.home, "sub"));
    const second = await scratch.run(["service", "run", "--config", "sub/../t.toml"]);
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toContain("Another supervisor already looks after");
    const up = await scratch.run(["up", path]);
    expect([up.exitCode, up.stderr]).toEqual([3, expect.stringContaining("runtunnel service reload")]);
    command.interrupt();
    await command.end();
  }, 60_000);

  const mistakes: readonly (readonly [string, string, number, string])[] = [
    ["none", "", 0o600, "it names no tunnel"],
    ["a typing mistake", "[[tunnel]]\nrun = 1\nlocal-prot = 5\n", 0o600, 'Did you mean "local-port"?'],
    ["one port twice", "[[tunnel]]\nrun=1\nlocal-port=5\n[[tunnel]]\nrun=2\nlocal-port=5\n", 0o600, "line 4, column 1"],
    ["a file that all may write", "[[tunnel]]\nrun=1\nlocal-port=5\n", 0o666, "chmod o-w"],
    [
      "an ambiguous option",
      '[[tunnel]]\nrun="127.0.0.1"\nplatform="moon"\nlocal-port=5\n',
      0o600,
      'no platform "moon"',
    ],
  ];
  test.each(mistakes)("ends with code 2 for %s", async (_, text, mode, words) => {
    await using scratch = await Scratch.create();
    const path = join(scratch.home, "t.toml");
    await writeFile(path, text);
    await chmod(path, mode);
    const result = await scratch.run(["service", "run", "--config", path]);
    expect(result.stderr).toContain(words);
    expect(result.exitCode).toBe(2);
  });

  test("install --dry-run prints the file, warns of variables the service will not see, and writes nothing", async () => {
    await using scratch = await Scratch.create();
    const path = join(scratch.home, "t.toml");
    await writeFile(path, table("one", 5000));
    const result = await scratch.run(["service", "install", "--dry-run", "--config", path], {
      env: { API_TOKEN: "secret-of-the-shell" },
    });
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain(`"--config" "${path}"`);
    expect(result.stderr).toContain("API_TOKEN");
    expect(result.stdout + result.stderr).not.toContain("secret-of-the-shell");
    expect(await scratch.files()).toEqual(["t.toml"]);
  });
});

describe("up, diff and down", () => {
  test("bring the machine to a file, and only as far as it differs", async () => {
    await using scratch = await Scratch.create();
    const [one, two, three] = [await closedPort(), await closedPort(), await closedPort()];
    const path = join(scratch.home, "runtunnel.toml");
    const diff = async (): Promise<string[]> =>
      (await scratch.json<Diff>(["diff"])).tunnels.map(({ action, entry }) => `${action} ${entry}`);
    await writeFile(path, table("one", one) + table("two", two));
    expect(await diff()).toEqual(["start one", "start two"]);
    expect((await scratch.run(["up"])).stdout).toMatch(/^one: up, 127\.0\.0\.1, .*\ntwo: up, /);
    expect(await diff()).toEqual(["keep one", "keep two"]);
    const before = (await scratch.list()).find(({ ports }) => ports[0]?.local === one)?.pid;

    await writeFile(path, table("one", one) + table("three", three) + table("moved", two));
    expect(await diff()).toEqual(["keep one", "start three", "start moved", "remove two"]);
    expect((await scratch.run(["diff"])).stdout).toContain("- two (");
    const up = await scratch.json<{ tunnels: readonly { entry: string; result: string }[] }>(["up"]);
    expect(up.tunnels.map(({ entry, result }) => `${entry} ${result}`)).toEqual([
      "one kept",
      "three started",
      "moved started",
      "two removed",
    ]);
    expect(await echoOnce(two, "moved")).toBe("moved");
    expect((await scratch.list()).find(({ ports }) => ports[0]?.local === one)?.pid).toBe(before ?? 0);

    await writeFile(path, table("one", one, "retries = 2"));
    const [first, ...rest] = await diff();
    expect([first, ...rest.sort()]).toEqual(["replace one", "remove moved", "remove three"]);
    expect((await scratch.run(["up"])).stdout).toContain("one: up, restarted");
    expect((await scratch.list()).length).toBe(1);
    expect((await scratch.run(["down"])).stdout).toContain("stopped");
    expect((await scratch.run(["down"])).stdout).toBe("No tunnel to stop\n");
    await scratch.expectNothingLeft(/runtunnel\.toml$|runtunnel\/logs\//);
  }, 60_000);

  test("up starts what it can, tells what it cannot, and ends with that failure's code", async () => {
    await using scratch = await Scratch.create();
    const good = await closedPort();
    await writeFile(join(scratch.home, "runtunnel.toml"), table("good", good) + table("taken", remote.port));
    const result = await scratch.run(["up"]);
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toContain("good: up");
    expect(result.stdout).toContain("taken: failed: Cannot listen on local port");
    expect(await echoOnce(good, "fine")).toBe("fine");
    expect((await scratch.run(["diff", "--json"])).stdout).toContain('"changes": 1');
    expect((await scratch.run(["down", "--force"])).exitCode).toBe(0);
  }, 60_000);

  test("a project file takes no password, and a missing one says how to begin", async () => {
    await using scratch = await Scratch.create();
    const missing = await scratch.run(["up"]);
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining("[[tunnel]]")]);
    const path = join(scratch.home, "runtunnel.toml");
    await writeFile(path, table("one", 5000, 'proxy = "http://user:hidden@proxy.invalid:1"'));
    const refused = await scratch.run(["up"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("passwords do not belong in this file");
    expect(refused.stderr).not.toContain("hidden");
    expect(await readFile(path, "utf8")).toContain("hidden");
  });
});
