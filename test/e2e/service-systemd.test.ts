// The service under a real systemd: installed by our program, watched by theirs.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { closedPort } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { kill, Scratch } from "./support/scratch.ts";
import { connect, echo, echoOnce, type LoopbackServer, serveEcho } from "./support/sockets.ts";
import { UserSystemd } from "./support/user-systemd.ts";

const isRoot = process.getuid?.() === 0;
const hasSystemd = isRoot && requirePeer("unshare", "nsenter", "systemctl", "systemd-analyze", "dbus-daemon");

type Status = {
  readonly supervisor: {
    readonly pid: number;
    readonly status: string;
    readonly tunnels: readonly { readonly entry: string; readonly state: string; readonly pid?: number }[];
  } | null;
};

describe.skipIf(!hasSystemd)("runtunnel service under systemd", () => {
  let scratch: Scratch;
  let systemd: UserSystemd;
  let remote: LoopbackServer;

  beforeAll(async () => {
    scratch = await Scratch.create();
    systemd = await UserSystemd.start(scratch.home);
    remote = await serveEcho();
  });

  afterAll(async () => {
    await systemd[Symbol.asyncDispose]();
    await remote[Symbol.asyncDispose]();
    await scratch[Symbol.asyncDispose]();
  });

  /** A file of tunnels to the echo server, one for each local port. */
  const writeTunnels = async (path: string, ports: readonly number[]): Promise<string> => {
    await mkdir(dirname(path), { recursive: true });
    const tables = ports.map(
      (port) =>
        `[[tunnel]]\nname = "port ${port}"\nrun = "127.0.0.1"\ndirect = true\nlocal-port = ${port}\nremote-port = ${remote.port}\n`,
    );
    await writeFile(path, tables.join("\n"));
    return path;
  };

  const install = async (name: string, path: string): Promise<readonly string[]> => {
    await systemd.cli(["service", "install", "--name", name, "--config", path]);
    return ["--name", name, "--config", path];
  };

  const status = async (which: readonly string[]): Promise<NonNullable<Status["supervisor"]>> => {
    const report = JSON.parse(await systemd.cli(["service", "status", ...which, "--json"])) as Status;
    if (report.supervisor === null) throw new Error("No supervisor runs");
    return report.supervisor;
  };

  const upPid = async (which: readonly string[], port: number): Promise<number> => {
    const found = (await status(which)).tunnels.find(({ entry }) => entry === `port ${port}`);
    if (found?.state !== "up" || found.pid === undefined) throw new Error(`Not up: ${JSON.stringify(found)}`);
    return found.pid;
  };

  test("install starts it, systemd is content with the unit and shows its status; uninstall leaves nothing", async () => {
    const [port, path] = [await closedPort(), join(scratch.home, 'ünï cödé 100% "$x"', "tunnels.toml")];
    await writeTunnels(path, [port]);
    const which = await install("whole", path);
    expect(await systemd.show("whole", "ActiveState")).toBe("active");
    expect(await systemd.show("whole", "UnitFileState")).toBe("enabled");
    expect(await systemd.show("whole", "StatusText")).toBe("1 tunnel: 1 healthy");
    expect(await echoOnce(port, "through")).toBe("through");
    const verified = await systemd.run(["systemd-analyze", "--user", "verify", systemd.unitPath("whole.service")]);
    expect(verified.stderr).toBe("");
    expect(await systemd.cli(["service", "status", ...which])).toContain("1 tunnel: 1 healthy, starts by itself");

    await systemd.cli(["service", "uninstall", ...which]);
    expect(await systemd.show("whole", "LoadState")).toBe("not-found");
    expect((await scratch.files()).filter((file) => file.includes("whole"))).toEqual([]);
    expect((await scratch.list()).some(({ ports }) => ports[0]?.local === port)).toBe(false);
    await expect(echoOnce(port, "gone")).rejects.toThrow();
  });

  test("a killed supervisor is started again and adopts its tunnels, whose connections never notice", async () => {
    const port = await closedPort();
    const which = await install("killed", await writeTunnels(join(scratch.home, "killed.toml"), [port]));
    const tunnelPid = await upPid(which, port);
    const socket = await connect(port);
    expect(await echo(socket, "before")).toBe("before");
    const mainPid = Number(await systemd.show("killed", "MainPID"));
    kill(mainPid, "SIGKILL");
    await eventually(async () => expect(await systemd.show("killed", "NRestarts")).toBe("1"));
    await eventually(async () => expect((await status(which)).pid).not.toBe(mainPid));
    expect(await eventually(() => upPid(which, port))).toBe(tunnelPid);
    expect(await echo(socket, "after")).toBe("after");
    socket.destroy();
    await systemd.systemctl("stop", "killed");
  }, 60_000);

  test("a supervisor that hangs is ended by the watchdog, and its tunnels go on", async () => {
    const port = await closedPort();
    const dropIn = join(systemd.unitPath("hanging.service.d"), "fast.conf");
    await mkdir(dirname(dropIn), { recursive: true });
    await writeFile(dropIn, "[Service]\nWatchdogSec=3\nRestartSec=100ms\n");
    const which = await install("hanging", await writeTunnels(join(scratch.home, "hanging.toml"), [port]));
    const tunnelPid = await upPid(which, port);
    // Longer than the watchdog allows without signs of life: the loop feeds it.
    await eventually(async () => {
      const since = Number(await systemd.show("hanging", "ActiveEnterTimestampMonotonic"));
      const fed = Number(await systemd.show("hanging", "WatchdogTimestampMonotonic"));
      expect(fed - since).toBeGreaterThan(4_000_000);
    });
    expect(await systemd.show("hanging", "NRestarts")).toBe("0");
    kill(Number(await systemd.show("hanging", "MainPID")), "SIGSTOP");
    const restarts = async (): Promise<void> =>
      expect(Number(await systemd.show("hanging", "NRestarts"))).toBeGreaterThan(0);
    await eventually(restarts, { timeoutMs: 20_000 });
    expect(await eventually(() => upPid(which, port))).toBe(tunnelPid);
    await systemd.systemctl("stop", "hanging");
  }, 60_000);

  test("systemctl reload applies the difference, and a wrong file changes nothing", async () => {
    const [first, second] = [await closedPort(), await closedPort()];
    const path = await writeTunnels(join(scratch.home, "reload.toml"), [first]);
    const which = await install("reload", path);
    const tunnelPid = await upPid(which, first);
    await writeTunnels(path, [first, second]);
    await systemd.systemctl("reload", "reload");
    await eventually(() => upPid(which, second));
    expect(await upPid(which, first)).toBe(tunnelPid);
    await eventually(async () => expect(await systemd.show("reload", "ActiveState")).toBe("active"));

    await writeFile(path, "[[tunnel]]\nrum = 1\n");
    await systemd.systemctl("reload", "reload");
    await eventually(async () => expect(await systemd.show("reload", "StatusText")).toContain("reload failed"));
    expect(await echoOnce(second, "still here")).toBe("still here");
    const refused = await scratch.run(["service", "reload", ...which]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("Did you mean");
    expect(await upPid(which, first)).toBe(tunnelPid);
    await systemd.systemctl("stop", "reload");
  }, 60_000);

  test("systemctl stop stops the tunnels, and start brings them back", async () => {
    const port = await closedPort();
    const which = await install("stopped", await writeTunnels(join(scratch.home, "stopped.toml"), [port]));
    await systemd.systemctl("stop", "stopped");
    expect(await systemd.show("stopped", "Result")).toBe("success");
    expect((await scratch.list()).some(({ ports }) => ports[0]?.local === port)).toBe(false);
    await systemd.cli(["service", "start", ...which]);
    expect(await echoOnce(port, "again")).toBe("again");
    await systemd.cli(["service", "stop", ...which]);
    expect(await systemd.show("stopped", "ActiveState")).toBe("inactive");
  });

  test("a wrong file ends it with code 2, which systemd does not start again", async () => {
    const port = await closedPort();
    const path = await writeTunnels(join(scratch.home, "wrong.toml"), [port]);
    await install("wrong", path);
    await systemd.systemctl("stop", "wrong");
    await writeFile(path, "[[tunnel]]\nrun = 1\nlocal-port = 99999\n");
    const started = await systemd.run(["systemctl", "--user", "start", "wrong"]);
    expect(started.exitCode).not.toBe(0);
    await eventually(async () => expect(await systemd.show("wrong", "ActiveState")).toBe("failed"));
    expect(await systemd.show("wrong", "ExecMainStatus")).toBe("2");
    expect(await systemd.show("wrong", "NRestarts")).toBe("0");
  });
});
