import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import type { TunnelRecord } from "../../src/registry/record.ts";
import { Registry } from "../../src/registry/store.ts";
import { askControl } from "../../src/tunnel/control/control-client.ts";
import { serveTunnel } from "../../src/tunnel/serve.ts";
import { keepingLog } from "../platforms/platform-context.ts";
import { echo, startServer } from "../support/echo-server.ts";
import { tempHome } from "../support/temp-home.ts";
import { REAL_PROCESSES, realContext, wantedRecord } from "./real-tunnel.ts";
import { makeAppContext, makePlatform, makeRun } from "./tunnel-world.ts";

/** A registry whose disk is full when a tunnel wants to say that it stops. */
class FullAtTheEnd extends Registry {
  override async write(record: TunnelRecord): Promise<void> {
    if (record.state === "stopping") throw new Error("Cannot write: no space left on the disk");
    await super.write(record);
  }
}

/** A tunnel of our own process: nobody waits for it. */
function foregroundRecord(remotePort: number): TunnelRecord {
  return wantedRecord(remotePort, { mode: "foreground" });
}

describe("serveTunnel()", () => {
  test("does not end before the start that was called off has ended, which brings nothing back", async () => {
    await using home = await tempHome();
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    // A platform that goes on although nobody wants to know any more.
    const platform = makePlatform({
      async resolve() {
        asked.resolve();
        await answer.promise;
        return makeRun();
      },
    });
    const context = makeAppContext({
      home: home.path,
      platforms: [platform],
      processes: REAL_PROCESSES,
      signal: controller.signal,
    });
    const record = foregroundRecord(9);
    await context.registry.write(record);
    const served = serveTunnel(record.id, context, () => undefined).catch((error: unknown) => error);
    await asked.promise;
    controller.abort();
    // More turns than an end takes that waits for nobody.
    for (let turn = 0; turn < 100; turn += 1) expect((await context.registry.list()).records).toHaveLength(1);
    answer.resolve();
    expect(await served).toMatchObject({ exitCode: 130 });
    expect((await context.registry.list()).records).toEqual([]);
  });

  test("lets connections finish although the disk is full", async () => {
    await using home = await tempHome();
    const server = await startServer(echo);
    const log = keepingLog();
    const base = realContext(home.path);
    const { clock, folders, processes } = base;
    const registry = new FullAtTheEnd({ stateFolder: folders.state, processes, clock });
    const context = { ...base, log, registry };
    const record = foregroundRecord(server.port);
    await registry.write(record);
    const up = Promise.withResolvers<TunnelRecord>();
    const served = serveTunnel(record.id, context, up.resolve);
    const { boundPorts, control } = await up.promise;
    const socket = net.connect(boundPorts?.[0]?.local ?? 0, "127.0.0.1");
    socket.write("before");
    await once(socket, "data");
    if (control === undefined) throw new Error("The tunnel has no control channel");
    const draining = Promise.withResolvers<void>();
    const stopped = askControl(control, { kind: "stop", timeoutMs: 60_000 }, context.signal, ({ kind }) => {
      if (kind === "draining") draining.resolve();
      return kind === "stopped";
    });
    await draining.promise;
    socket.write("after");
    expect(String((await once(socket, "data"))[0])).toBe("after");
    socket.end();
    await stopped;
    expect(await served).toEqual({ reason: "stopped", message: "Stopped" });
    expect(log.lines.join("\n")).toContain("no space left");
    await server.close();
  });
});
