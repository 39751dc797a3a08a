// Tunnels that start, stop, collide, crash and are interrupted, as processes of their own on one machine.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import type { CliResult } from "../support/run-cli.ts";
import { argumentsOf, kill, Scratch, type TunnelJson } from "./support/scratch.ts";
import { findFreePort } from "./support/servers.ts";
import { connect, echo, echoOnce, type LoopbackServer, serveEcho, serveLoopback } from "./support/sockets.ts";

setDefaultTimeout(60_000);

/** Options of `start` for a tunnel to a server on this machine. */
const to = (server: LoopbackServer, ...words: readonly string[]): readonly string[] => [
  "127.0.0.1",
  "-rp",
  String(server.port),
  ...words,
];

/** An API that takes a question and never answers it. */
const mute = (): Promise<LoopbackServer> => serveLoopback((socket) => socket.resume());

const apiAt = (server: LoopbackServer): Record<string, string> => ({
  API: `http://127.0.0.1:${server.port}/pipeline/restapi`,
  API_TOKEN: "a.b.c",
});

async function records(user: Scratch): Promise<readonly string[]> {
  const names = await readdir(user.recordFolder).catch(() => []);
  return names.filter((name) => name.endsWith(".json"));
}

describe.skipIf(process.platform !== "linux")("life of a tunnel", () => {
  test("stop --force with an open connection frees the port for the very next start", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const local = String(await findFreePort());
    for (let round = 0; round < 3; round += 1) {
      await user.startTunnel(to(server, "-lp", local));
      const socket = await connect(Number(local));
      expect(await echo(socket, "still here")).toBe("still here");
      const stopped = await user.run(["stop", "-lp", local, "--force"]);
      expect(stopped.stdout).toContain("killed");
      expect(await records(user)).toEqual([]);
    }
    await user.startTunnel(to(server, "-lp", local));
    expect(await echoOnce(Number(local), "again")).toBe("again");
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("stop lets an open connection finish and takes no new one", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server, "-lp", "0"));
    const socket = await connect(tunnel.port);
    await echo(socket, "before");
    const stopping = user.spawn(["stop", "--timeout", "30s", "-v", "DEBUG"]);
    await eventually(async () => {
      await connect(tunnel.port).then(
        (other) => {
          other.destroy();
          throw new Error("The port still takes connections");
        },
        () => undefined,
      );
    });
    expect((await user.list())[0]?.state).toBe("stopping");
    expect(await echo(socket, "during")).toBe("during");
    socket.end();
    const end = await stopping.end();
    expect(end.stdout).toContain("stopped");
    expect(end.exitCode).toBe(0);
    await user.expectNothingLeft();
  });

  test("stop past its timeout ends the connections that are left", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server, "-lp", "0"));
    const socket = await connect(tunnel.port);
    await echo(socket, "before");
    expect((await user.run(["stop", "--timeout", "100ms"])).exitCode).toBe(0);
    await eventually(() => expect(socket.destroyed).toBe(true));
    await user.expectNothingLeft();
  });

  test("the flags for existing tunnels do what their table says", async () => {
    await using one = await serveEcho();
    await using two = await serveEcho();
    await using user = await Scratch.create();
    const local = String(await findFreePort());
    const start = (server: LoopbackServer, ...flags: readonly string[]): Promise<CliResult> =>
      user.run(["start", ...to(server, "-lp", local, ...flags)]);
    const pid = async (): Promise<number> => (await user.list())[0]?.pid ?? 0;
    const remote = async (): Promise<number | undefined> => (await user.list())[0]?.ports[0]?.remote;

    expect((await start(one)).exitCode).toBe(0);
    const first = await pid();
    const same = await start(one);
    expect(same.exitCode).toBe(3);
    expect(same.stderr).toContain(`error: The same tunnel already exists on local port ${local}`);
    expect(same.stderr).toContain(`runtunnel stop -lp ${local}`);
    expect((await start(two)).stderr).toContain(
      `error: A different tunnel, to 127.0.0.1, already exists on local port`,
    );
    expect((await start(two, "-ks")).exitCode).toBe(3);
    expect((await start(one, "-rd")).exitCode).toBe(3);
    for (const flags of [["-ks"], ["-ke"], ["-ks", "-rd"]]) {
      const kept = await start(one, ...flags);
      expect(kept.stdout, flags.join(" ")).toContain("already up");
      expect(kept.exitCode).toBe(0);
    }
    expect((await start(two, "-ke")).stdout).toContain("already up");
    expect([await pid(), await remote()]).toEqual([first, one.port]);

    expect((await start(two, "-ks", "-rd")).exitCode).toBe(0);
    const second = await pid();
    expect(second).not.toBe(first);
    expect(await remote()).toBe(two.port);
    expect((await start(two, "-re")).exitCode).toBe(0);
    expect(await pid()).not.toBe(second);
    expect((await start(one, "--replace-existing", "-ke")).exitCode).toBe(0);
    expect(await remote()).toBe(one.port);
    expect(await echoOnce(Number(local), "works")).toBe("works");
    expect(await records(user)).toHaveLength(1);
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("a foreign process on the local port is named", async () => {
    await using server = await serveEcho();
    await using holder = await serveEcho();
    await using user = await Scratch.create();
    const result = await user.run(["start", ...to(server, "-lp", String(holder.port))]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain(
      `error: Cannot listen on local port ${holder.port}: held by process ${process.pid} (`,
    );
    expect(result.stderr).toContain("hint: ");
    await user.expectNothingLeft();
    const other = await user.run(["start", ...to(server, "--preferred-port", String(holder.port))]);
    expect(other.exitCode).toBe(0);
    expect(other.stderr).toMatch(/using local port \d+ instead/);
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("two starts on one port: one wins, the other is told", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const local = String(await findFreePort());
    const results = await Promise.all([1, 2].map(() => user.run(["start", ...to(server, "-lp", local)])));
    expect(results.map((result) => result.exitCode).sort()).toEqual([0, 3]);
    expect(await records(user)).toHaveLength(1);
    expect(await echoOnce(Number(local), "one of them")).toBe("one of them");
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("fifty commands at once leave a true registry", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const commands = Array.from({ length: 50 }, (_, index) => {
      if (index % 5 === 3) return ["list", "--json"];
      if (index % 5 === 4) return ["stop", "-lp", "9", "--json"];
      return ["start", ...to(server, "-lp", "0", "--json")];
    });
    const results = await Promise.all(commands.map((words) => user.run(words)));
    for (const [index, result] of results.entries()) {
      expect(result.exitCode, `${commands[index]?.join(" ")}: ${result.stderr}`).toBe(0);
    }
    const started = results.flatMap(({ stdout }) => {
      const tunnel = JSON.parse(stdout) as TunnelJson;
      return tunnel.result === "started" ? [tunnel] : [];
    });
    expect(started).toHaveLength(30);
    const listed = await user.list();
    expect(listed.map(({ id }) => id).sort()).toEqual(started.map(({ id }) => id).sort());
    expect(new Set(listed.map(({ state }) => state))).toEqual(new Set(["healthy"]));
    for (const tunnel of listed) expect(await echoOnce(tunnel.ports[0]?.local ?? 0, tunnel.id)).toBe(tunnel.id);
    const stops = await Promise.all([user.run(["stop"]), user.run(["stop"]), user.run(["stop", "--force"])]);
    expect(stops.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    await user.expectNothingLeft();
  });

  test("a killed tunnel is listed as dead, and the next start or stop heals it", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const local = String(await findFreePort());
    const tunnel = await user.startTunnel(to(server, "-lp", local));
    kill(tunnel.pid, "SIGKILL");
    await eventually(async () => expect((await user.list())[0]?.state).toBe("dead"));
    expect((await user.run(["list"])).stdout).toMatch(/\bdead\b/);
    expect(await records(user)).toHaveLength(1);
    const again = await user.startTunnel(to(server, "-lp", local));
    expect((await user.list()).map(({ id }) => id)).toEqual([again.id]);
    expect(await echoOnce(again.port, "healed")).toBe("healed");
    kill(again.pid, "SIGKILL");
    await eventually(async () => expect((await user.list())[0]?.state).toBe("dead"));
    const stopped = await user.run(["stop"]);
    expect(stopped).toMatchObject({ exitCode: 0, stderr: "" });
    expect(stopped.stdout).toContain("was dead, cleaned up");
    await user.expectNothingLeft();
  });

  test("a process that merely has the number of a dead tunnel is never touched", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server, "-lp", "0"));
    const path = join(user.recordFolder, (await records(user))[0] ?? "");
    const bystander = Bun.spawn(["sleep", "1000"]);
    const record = JSON.parse(await readFile(path, "utf8"));
    kill(tunnel.pid, "SIGKILL");
    await writeFile(path, JSON.stringify({ ...record, process: { ...record.process, pid: bystander.pid } }));
    expect((await user.list())[0]?.state).toBe("dead");
    expect((await user.run(["stop", "--force"])).exitCode).toBe(0);
    expect(bystander.exitCode).toBeNull();
    bystander.kill();
    await user.expectNothingLeft();
  });

  test("a frozen tunnel is listed as hanging and ended by stop", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server, "-lp", "0"));
    kill(tunnel.pid, "SIGSTOP");
    expect((await user.list())[0]?.state).toBe("hanging");
    expect((await user.run(["stop", "--timeout", "100ms", "--force"])).stdout).toContain("killed");
    await user.expectNothingLeft();
  });

  test("Ctrl+C while start waits leaves nothing", async () => {
    await using api = await mute();
    await using user = await Scratch.create(apiAt(api));
    const starting = user.spawn(["start", "1001", "-lp", "0", "-rp", "22"]);
    await eventually(() => expect(api.sockets.size).toBeGreaterThan(0));
    starting.interrupt();
    const end = await starting.end();
    expect(end.exitCode).toBe(130);
    expect(end.stdout).toBe("");
    expect(end.stderr).toBe("error: Interrupted\n");
    await user.expectNothingLeft();
  });

  test("a launcher that is killed while it waits leaves a tunnel that can be listed and stopped", async () => {
    await using api = await mute();
    await using user = await Scratch.create(apiAt(api));
    const starting = user.spawn(["start", "1001", "-lp", "0", "-rp", "22"]);
    await eventually(() => expect(api.sockets.size).toBeGreaterThan(0));
    starting.signal("SIGKILL");
    await starting.end();
    const [orphan] = await user.list();
    expect(orphan).toMatchObject({ name: "pipeline-1001", state: "starting" });
    expect(user.processes()).toEqual([orphan?.pid ?? 0]);
    expect((await user.run(["stop", "1001"])).exitCode).toBe(0);
    await user.expectNothingLeft();
  });

  test("a launcher that is killed before there is a background process is cleaned up behind", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const { id } = await user.startTunnel(to(server, "-lp", "0"));
    const path = join(user.recordFolder, `${id}.json`);
    const record = JSON.parse(await readFile(path, "utf8"));
    await user.run(["stop"]);
    const dead = Bun.spawn(["true"]);
    await dead.exited;
    const { process: _process, boundPorts: _ports, control: _control, ...rest } = record;
    await writeFile(
      path,
      JSON.stringify({ ...rest, state: "starting", launcher: { ...record.launcher, pid: dead.pid } }),
    );
    expect((await user.list())[0]?.state).toBe("dead");
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("a background tunnel does not belong to the terminal it was started from", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const start = user.spawn(["start", ...to(server, "-lp", "0", "--json")]);
    const tunnel = JSON.parse((await start.end()).stdout) as TunnelJson;
    const fields = (await readFile(`/proc/${tunnel.pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
    const [, , group, session, terminal] = fields.map(Number);
    expect([group, session, terminal]).toEqual([tunnel.pid, tunnel.pid, 0]);
    expect(argumentsOf(tunnel.pid).slice(1)).toEqual(["serve", tunnel.id]);
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("a foreground tunnel ends cleanly on %s", async (signal) => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = user.spawn(["start", ...to(server, "-lp", "0", "-f")]);
    const port = await eventually(() => {
      const match = /127\.0\.0\.1:(\d+) -> \d+, PID (\d+), up in/.exec(tunnel.stdout);
      if (match === null) throw new Error(`Not up yet: ${tunnel.stderr}`);
      expect(Number(match[2])).toBe(tunnel.pid);
      return Number(match[1]);
    });
    const socket = await connect(port);
    expect(await echo(socket, "hello")).toBe("hello");
    expect((await user.list())[0]).toMatchObject({ state: "healthy", pid: tunnel.pid });
    tunnel.signal(signal);
    expect(await tunnel.end()).toMatchObject({ exitCode: 0, stderr: "Stopped\n" });
    await user.expectNothingLeft();
  });

  test("stop ends a foreground tunnel too", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = user.spawn(["start", ...to(server, "-lp", "0", "--foreground")]);
    await eventually(() => expect(tunnel.stdout).toContain("up in"));
    expect((await user.run(["stop"])).stdout).toContain("stopped");
    expect((await tunnel.end()).exitCode).toBe(0);
    await user.expectNothingLeft();
  });

  test("a background start ends with the failure of its tunnel and leaves no more than a log", async () => {
    await using user = await Scratch.create();
    const closed = await findFreePort();
    const result = await user.run([
      "start",
      "127.0.0.1",
      "-lp",
      "0",
      "-rp",
      String(closed),
      "--wait-for",
      "remote",
      "-r",
      "2",
    ]);
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toContain(`127.0.0.1:${closed}`);
    expect(result.stderr).toMatch(/^hint: /m);
    await user.expectNothingLeft();
  });
});
