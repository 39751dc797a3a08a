import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Entry, Generator } from "../../scripts/bench/generator.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { requirePeer } from "../support/peers.ts";
import { startWebSocketRelay } from "../support/websocket-relay.ts";

const canRun = process.platform === "linux" && requirePeer("cc");

/** As short as a measure can be: what counts here is that bytes arrive. */
const SECONDS = 0.05;

describe.skipIf(!canRun)("Generator", () => {
  let folder = "";
  let generator: Generator;
  let target = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "runtunnel-generator-"));
    generator = await Generator.start(join(folder, "loadgen"), folder, 2);
    target = generator.targets[1] ?? 0;
  });
  afterAll(async () => {
    await generator?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const measureAll = async (entry: Entry): Promise<void> => {
    expect((await generator.down(entry, SECONDS)).bytes).toBeGreaterThan(0);
    expect((await generator.up(entry, SECONDS)).bytes).toBeGreaterThan(0);
    const { max, p50, p99 } = await generator.roundTrips(entry, SECONDS);
    expect(p50).toBeGreaterThan(0);
    expect([p50, p99, max]).toEqual([p50, p99, max].toSorted((one, other) => one - other));
    const connects = await generator.connects(entry, SECONDS, 2);
    expect(connects.done).toBeGreaterThan(0);
    expect(connects.failed).toBe(0);
  };

  test("measures its target straight", async () => {
    await measureAll({ port: target });
  });

  test("speaks CONNECT itself", async () => {
    const proxy = await startConnectProxy();
    const address = `127.0.0.1:${target}`;
    const request = (): string => `CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\n\r\n`;
    await measureAll({ port: proxy.port, request, status: "200" });
    await proxy.close();
  });

  test("speaks WebSocket itself", async () => {
    const relay = await startWebSocketRelay();
    const headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    const request = (): string => `GET /${target} HTTP/1.1\r\nHost: x\r\n${headers}${key}\r\n`;
    const { port } = new URL(relay.url.replace("{port}", ""));
    await measureAll({ port: Number(port), request, status: "101", isFramed: true });
    await relay.close();
  });

  test("says what a proxy answered instead", async () => {
    const proxy = await startConnectProxy();
    const entry: Entry = { port: proxy.port, request: () => "CONNECT nonsense HTTP/1.1\r\n\r\n", status: "200" };
    await expect(generator.down(entry, SECONDS)).rejects.toThrow(/down failed/);
    await proxy.close();
  });

  test("holds idle connections that answer, and stalled ones", async () => {
    const idle = await generator.idle(target, 50);
    expect(idle.count).toBe(50);
    expect(await idle.countAlive()).toBe(50);
    await idle.close();
    const stalled = await generator.stalled(target, 2);
    expect(stalled.count).toBe(4);
    await stalled.close();
  });
});
