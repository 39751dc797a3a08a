// The small parts of a serving tunnel: its record, its local ports, its reasons to end.
import { describe, expect, test } from "bun:test";
import { SILENT_LOG } from "../../src/domain/log.ts";
import type { PortPair } from "../../src/domain/ports.ts";
import { type Relay, startRelay } from "../../src/relay/relay.ts";
import { openLocalPorts } from "../../src/tunnel/local-ports.ts";
import { OwnRecord } from "../../src/tunnel/own-record.ts";
import { StopRequest } from "../../src/tunnel/stop-request.ts";
import { closedPort, startServer, swallow } from "../support/echo-server.ts";
import { makeRecord, makeSpec } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { REAL_PROCESSES } from "./real-tunnel.ts";
import { makeAppContext } from "./tunnel-world.ts";

describe("OwnRecord", () => {
  test("writes every change in order, however fast they come", async () => {
    await using home = await tempHome();
    const { registry } = makeAppContext({ home: home.path });
    const own = new OwnRecord(makeRecord(), registry);
    const writes = Array.from({ length: 20 }, (_, index) => own.update({ phase: `step ${index}` }));
    expect(own.value.phase).toBe("step 19");
    await Promise.all(writes);
    expect((await registry.find(own.value.id))?.phase).toBe("step 19");
  });

  test("is gone after its removal, also where a change was on its way", async () => {
    await using home = await tempHome();
    const { registry } = makeAppContext({ home: home.path });
    const own = new OwnRecord(makeRecord(), registry);
    const writing = own.update({ phase: "late" });
    await own.remove();
    await writing;
    expect(await registry.list()).toEqual({ records: [], damaged: [] });
  });
});

describe("OwnRecord after its removal", () => {
  test("is not brought back by work that goes on", async () => {
    await using home = await tempHome();
    const { registry } = makeAppContext({ home: home.path });
    const own = new OwnRecord(makeRecord(), registry);
    await own.remove();
    await expect(own.update({ phase: "late" })).rejects.toMatchObject({ exitCode: 130 });
    expect(await registry.list()).toEqual({ records: [], damaged: [] });
  });
});

describe("StopRequest", () => {
  const over = { kind: "run-over", message: "Run stopped" } as const;

  test("keeps to its first cause", async () => {
    const controller = new AbortController();
    const stop = new StopRequest(controller.signal);
    expect(stop.cause).toBeUndefined();
    stop.request(over);
    controller.abort();
    expect(await stop.wait()).toBe(over);
    expect(stop.cause).toBe(over);
  });

  test("is as impatient as the least patient of all who asked, and tells them all how it goes", () => {
    const controller = new AbortController();
    const stop = new StopRequest(controller.signal);
    const told: string[] = [];
    stop.request({ kind: "command", timeoutMs: 3_600_000, reply: ({ kind }) => told.push(`first ${kind}`) });
    expect(stop.impatience.aborted).toBe(false);
    stop.request({ kind: "command", timeoutMs: 0, reply: ({ kind }) => told.push(`second ${kind}`) });
    expect(stop.impatience.aborted).toBe(true);
    stop.tell({ kind: "stopped" });
    expect(told).toEqual(["first stopped", "second stopped"]);
  });

  test("takes a signal for a cause, also one that came before", async () => {
    expect(await new StopRequest(AbortSignal.abort()).wait()).toEqual({ kind: "signal" });
  });

  test("ends what is under way", async () => {
    const stop = new StopRequest(new AbortController().signal);
    expect(await stop.unlessStopped(Promise.resolve("done"))).toBe("done");
    const never = stop.unlessStopped(new Promise(() => undefined));
    stop.request(over);
    await expect(never).rejects.toMatchObject({ exitCode: 130 });
  });
});

describe("openLocalPorts()", () => {
  const context = makeAppContext({ home: "/nonexistent", processes: REAL_PROCESSES });
  const listenOn =
    (listenAddress: string) =>
    (ports: readonly PortPair[]): Relay =>
      startRelay({ listenAddress, ports, log: SILENT_LOG, dial: () => Promise.reject(new Error("unused")) });
  const open = (ports: readonly PortPair[], portFallback = false, listenAddress = "127.0.0.1") =>
    openLocalPorts(makeSpec({ ports, portFallback, listenAddress }), listenOn(listenAddress), context);

  test("binds what was asked for", async () => {
    const port = await closedPort();
    const { relay, warnings } = await open([
      { local: port, remote: 22 },
      { local: 0, remote: 23 },
    ]);
    expect(relay.ports[0]).toEqual({ local: port, remote: 22 });
    expect(relay.ports[1]?.local).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
    relay.close();
  });

  test("names the process that holds a port", async () => {
    const holder = await startServer(swallow);
    try {
      await expect(open([{ local: holder.port, remote: 22 }])).rejects.toMatchObject({
        exitCode: 3,
        code: "local-port-taken",
        hop: "local-port",
        message: expect.stringContaining(
          `Cannot listen on local port ${holder.port}: held by process ${process.pid} (`,
        ),
      });
    } finally {
      await holder.close();
    }
  });

  test("takes another port where the wanted one was merely preferred, and says so", async () => {
    const holder = await startServer(swallow);
    try {
      const { relay, warnings } = await open([{ local: holder.port, remote: 22 }], true);
      const [bound] = relay.ports;
      expect(bound?.local).not.toBe(holder.port);
      expect(warnings).toEqual([expect.stringContaining(`using local port ${bound?.local} instead`)]);
      relay.close();
    } finally {
      await holder.close();
    }
  });

  test("says that this machine does not have an address", async () => {
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has such an address, and listening asks nobody.
    await expect(open([{ local: 0, remote: 22 }], false, "192.0.2.1")).rejects.toMatchObject({
      exitCode: 2,
      code: "listen-address",
      message: expect.stringContaining('"192.0.2.1"'),
    });
  });
});
