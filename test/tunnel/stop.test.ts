import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import { AuthError } from "../../src/domain/errors.ts";
import type { TunnelRecord } from "../../src/registry/record.ts";
import { Registry } from "../../src/registry/store.ts";
import { healRegistry } from "../../src/tunnel/heal.ts";
import { listTunnels } from "../../src/tunnel/list.ts";
import { type StopOptions, stopSelected } from "../../src/tunnel/stop.ts";
import { keepingLog } from "../platforms/platform-context.ts";
import { echo, startServer, type TestServer } from "../support/echo-server.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { REAL_PROCESSES, type RealTunnel, realContext, serveForReal, wantedRecord } from "./real-tunnel.ts";
import { makeAppContext, type TestContext } from "./tunnel-world.ts";

// Real processes on a loaded machine.
setDefaultTimeout(60_000);

const OPTIONS: StopOptions = { timeoutMs: 5000, force: false, ignoreOwner: false };

async function withServer<T>(use: (server: TestServer) => Promise<T>): Promise<T> {
  const server = await startServer(echo);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Resolves when the socket is gone, however it went. */
function closing(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function states(context: TestContext): Promise<readonly string[]> {
  return (await listTunnels({}, context)).tunnels.map(({ state }) => state);
}

describe("stopSelected() with real processes", () => {
  test("ends an idle tunnel, which frees its port and takes its record away", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      expect(await states(context)).toEqual(["healthy"]);
      expect(await stopSelected({ ...OPTIONS, run: "1" }, context)).toMatchObject([{ how: "stopped" }]);
      expect(await tunnel.process.exited).toBe(0);
      expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
      expect(await isFree(tunnel.localPort)).toBe(true);
    });
  });

  test("lets an open connection finish, takes no new one meanwhile, and says how many it waits for", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const socket = await connect(tunnel.localPort);
      socket.write("before");
      await once(socket, "data");
      const waiting = Promise.withResolvers<void>();
      const watching: TestContext = {
        ...context,
        progress: {
          ...context.progress,
          update: (text) => {
            context.updates.push(text);
            waiting.resolve();
          },
        },
      };
      const stopped = stopSelected({ ...OPTIONS, timeoutMs: 60_000, run: "1" }, watching);
      await waiting.promise;
      expect(context.updates[0]).toContain("waiting for 1 open connection, 0 bytes in flight");
      const late = net.connect(tunnel.localPort, "127.0.0.1");
      const [refused] = await once(late, "error");
      expect(refused).toMatchObject({ code: "ECONNREFUSED" });
      socket.write("after");
      expect(String(await once(socket, "data"))).toBe("after");
      socket.end();
      expect(await stopped).toMatchObject([{ how: "stopped" }]);
    });
  });

  test("drops what is still open at the deadline", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const socket = await connect(tunnel.localPort);
      const closed = closing(socket);
      expect(await stopSelected({ ...OPTIONS, timeoutMs: 50 }, context)).toMatchObject([{ how: "stopped" }]);
      await closed;
      expect(await tunnel.process.exited).toBe(0);
    });
  });

  test("is not held up by strangers that sit on the control channel", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const stranger = await connect(tunnel.record.control?.port ?? 0);
      expect(await stopSelected(OPTIONS, context)).toMatchObject([{ how: "stopped" }]);
      expect(await tunnel.process.exited).toBe(0);
      stranger.destroy();
    });
  });

  test.each<[string, (tunnel: RealTunnel, context: TestContext) => unknown]>([
    ["another stop with less patience", (_, context) => stopSelected({ ...OPTIONS, timeoutMs: 0 }, context)],
    ["a signal", ({ process }) => process.kill("SIGTERM")],
  ])("is cut short by %s", async (_what, cutShort) => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const closed = closing(await connect(tunnel.localPort));
      const waiting = Promise.withResolvers<void>();
      const progress = { ...context.progress, update: () => waiting.resolve() };
      const patient = stopSelected({ ...OPTIONS, timeoutMs: 3_600_000 }, { ...context, progress });
      await waiting.promise;
      await cutShort(tunnel, context);
      expect(await patient).toMatchObject([{ how: "stopped" }]);
      await closed;
      expect(await tunnel.process.exited).toBe(0);
    });
  });

  test.skipIf(process.platform === "win32")(
    "kills a tunnel that hangs, without waiting for its last word",
    async () => {
      await using home = await tempHome();
      await withServer(async (server) => {
        const log = keepingLog();
        const context = { ...realContext(home.path), log };
        await using tunnel = await serveForReal(context, wantedRecord(server.port));
        tunnel.process.kill("SIGSTOP");
        expect(await states(context)).toEqual(["hanging"]);
        expect(await stopSelected(OPTIONS, context)).toMatchObject([{ how: "killed" }]);
        // Nobody waited for an answer that cannot come.
        expect(log.lines.join()).not.toContain("did not confirm");
        expect(await tunnel.process.exited).not.toBe(0);
        expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
        expect(await isFree(tunnel.localPort)).toBe(true);
      });
    },
  );

  test("kills at once by force, with connections open", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const socket = await connect(tunnel.localPort);
      const closed = closing(socket);
      expect(await stopSelected({ ...OPTIONS, force: true }, context)).toMatchObject([{ how: "killed" }]);
      await closed;
      expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
    });
  });

  test("cleans up behind a tunnel that was killed", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      tunnel.process.kill("SIGKILL");
      await tunnel.process.exited;
      expect(await states(context)).toEqual(["dead"]);
      expect(await stopSelected(OPTIONS, context)).toMatchObject([{ how: "cleaned" }]);
      expect(await stopSelected(OPTIONS, context)).toEqual([]);
    });
  });

  test.each([false, true])("ends a tunnel that it cannot see, as from a container; force: %p", async (force) => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const { machine, record } = { machine: REAL_PROCESSES.machine(), record: tunnel.record };
      // Processes have other numbers there.
      const processes = Object.assign(new FakeProcesses(), { machine: () => machine, currentUser: () => record.owner });
      const { clock, folders } = context;
      const registry = new Registry({ stateFolder: folders.state, processes, clock });
      const inside = { ...context, processes, registry };
      await healRegistry(inside);
      expect(await states(inside)).toEqual(["healthy"]);
      expect(await stopSelected({ ...OPTIONS, force }, inside)).toMatchObject([{ how: "stopped" }]);
      expect(await tunnel.process.exited).toBe(0);
      expect(await registry.list()).toEqual({ records: [], damaged: [] });
    });
  });

  test.skipIf(process.platform === "win32")("serves SIGTERM like a stop", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const context = realContext(home.path);
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      tunnel.process.kill("SIGTERM");
      expect(await tunnel.process.exited).toBe(0);
      expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
    });
  });

  test("never signals another process that got the number", async () => {
    await using home = await tempHome();
    const context = realContext(home.path);
    const innocent = Bun.spawn({ cmd: [process.execPath, "-e", "await Bun.stdin.text()"], stdin: "pipe" });
    try {
      const identity = REAL_PROCESSES.find(innocent.pid);
      if (identity === undefined) throw new Error("The process has no identity");
      const record: TunnelRecord = { ...wantedRecord(22), process: { ...identity, startedAt: "1" } };
      await context.registry.write(record);
      expect(await stopSelected({ ...OPTIONS, force: true }, context)).toMatchObject([{ how: "cleaned" }]);
      expect(REAL_PROCESSES.isAlive(identity)).toBe(true);
    } finally {
      await innocent.stdin.end();
      await innocent.exited;
    }
  });

  test("leaves the tunnel alone when it is itself interrupted while it waits", async () => {
    await using home = await tempHome();
    await withServer(async (server) => {
      const controller = new AbortController();
      const context = realContext(home.path, { signal: controller.signal });
      await using tunnel = await serveForReal(context, wantedRecord(server.port));
      const socket = await connect(tunnel.localPort);
      socket.write("x");
      await once(socket, "data");
      const interrupting: TestContext = {
        ...context,
        progress: { ...context.progress, update: () => controller.abort() },
      };
      await expect(stopSelected({ ...OPTIONS, timeoutMs: 60_000 }, interrupting)).rejects.toMatchObject({
        exitCode: 130,
      });
      socket.write("still here");
      expect(String(await once(socket, "data"))).toBe("still here");
      socket.destroy();
      expect(await tunnel.process.exited).toBe(0);
    });
  });
});

describe("stopSelected()", () => {
  async function stopAmong(
    records: readonly TunnelRecord[],
    options: Partial<StopOptions>,
  ): Promise<readonly string[]> {
    await using home = await tempHome();
    const processes = new FakeProcesses(makeIdentity(101), makeIdentity(102));
    const context = makeAppContext({ home: home.path, processes });
    for (const record of records) await context.registry.write(record);
    await stopSelected({ ...OPTIONS, force: true, ...options }, context);
    return (await context.registry.list()).records.map(({ id }) => id);
  }
  const mine = makeRecord({ id: "mine", spec: { ...makeRecord().spec, platform: "test", run: "1" } });
  const foreign = { ...mine, id: "foreign", owner: "ben", process: makeIdentity(102) };
  const elsewhere = { ...mine, id: "elsewhere", machine: "laptop", process: makeIdentity(101, "7") };

  test.each<[string, Partial<StopOptions>, readonly string[]]>([
    ["all of mine", {}, ["elsewhere", "foreign"]],
    ["everybody's with --ignore-owner", { ignoreOwner: true }, ["elsewhere"]],
    ["none where the run has none", { run: "2" }, ["elsewhere", "foreign", "mine"]],
    ["none where the port has none", { localPorts: [1] }, ["elsewhere", "foreign", "mine"]],
  ])("stops %s, and never one on another machine", async (_what, options, left) => {
    expect([...(await stopAmong([mine, foreign, elsewhere], options))].sort()).toEqual([...left]);
  });

  test("stops all others before it reports the one that cannot be stopped", async () => {
    await using home = await tempHome();
    const processes = new FakeProcesses(makeIdentity(101), makeIdentity(102));
    const kill = processes.signal.bind(processes);
    processes.signal = (identity, signal) => {
      if (identity.pid === 101) throw new AuthError("Cannot signal process 101", { code: "not-permitted" });
      return kill(identity, signal);
    };
    const context = makeAppContext({ home: home.path, processes });
    await context.registry.write(mine);
    for (const id of ["two", "three"]) await context.registry.write({ ...mine, id, process: makeIdentity(102) });
    await expect(stopSelected({ ...OPTIONS, force: true }, context)).rejects.toMatchObject({ code: "not-permitted" });
    expect((await context.registry.list()).records.map(({ id }) => id)).toEqual(["mine"]);
  });

  test("refuses a tunnel of another user that was named, and stops none of them", async () => {
    await expect(stopAmong([mine, foreign], { run: "1" })).rejects.toMatchObject({
      exitCode: 4,
      code: "foreign-tunnel",
      message: "The tunnel to pipeline-56819 belongs to user ben",
      hint: expect.stringContaining("--ignore-owner"),
    });
  });
});
