import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { UnreachableError } from "../../src/domain/errors.ts";
import { HeldEnds } from "../../src/relay/held-ends.ts";
import { Pump, pump } from "../../src/relay/pump.ts";
import { StreamReader } from "../support/byte-stream-ends.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTimer } from "./fake-timer.ts";

/** client <-> [local | pump | remote] <-> server */
function setUp(remoteCanHalfClose = true) {
  const timer = new FakeTimer();
  const heldEnds = new HeldEnds(timer);
  const [client, local] = streamPair();
  const [server, remote] = streamPair(remoteCanHalfClose);
  let closes = 0;
  const joined = new Pump(local, remote, {
    timer,
    heldEnds,
    owner: {
      pumpClosed: () => {
        closes += 1;
      },
    },
  });
  const clientReader = new StreamReader(client);
  const serverReader = new StreamReader(server);
  joined.start();
  return { timer, heldEnds, client, local, server, remote, joined, clientReader, serverReader, closes: () => closes };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe("Pump", () => {
  test("Pump passes bytes both ways and counts them", () => {
    const { client, server, clientReader, serverReader, joined, timer } = setUp();
    expect(joined.lastByteAt).toBeUndefined();
    client.write(bytes("question"));
    timer.advance(5);
    server.write(bytes("answer!"));
    expect(serverReader.data.toString()).toBe("question");
    expect(clientReader.data.toString()).toBe("answer!");
    expect([joined.bytesUp, joined.bytesDown, joined.inFlightBytes]).toEqual([8, 7, 0]);
    expect(joined.lastByteAt).toBe(timer.now());
  });

  test("Pump delivers what came before it was started, in order", () => {
    const [client, local] = streamPair();
    const [server, remote] = streamPair();
    client.write(bytes("early "));
    server.write(bytes("greeting "));
    client.write(bytes("bird"));
    const timer = new FakeTimer();
    new Pump(local, remote, { timer, heldEnds: new HeldEnds(timer), owner: { pumpClosed: () => undefined } }).start();
    expect(new StreamReader(server).data.toString()).toBe("early bird");
    expect(new StreamReader(client).data.toString()).toBe("greeting ");
  });

  test("Pump holds the fast side up while the slow one does not read, and loses nothing", async () => {
    const { client, server, local, joined, serverReader } = setUp();
    server.pause();
    const payload = randomBytes(1_000_000);
    const clientWriter = serverReader;
    let sent = client.write(payload);
    while (sent < payload.length) {
      const taken = client.write(payload.subarray(sent));
      if (taken === 0) break;
      sent += taken;
    }
    expect(local.isPaused).toBe(true);
    expect(sent).toBeLessThan(200_000);
    expect(joined.inFlightBytes).toBeGreaterThan(0);
    expect(joined.inFlightBytes).toBeLessThanOrEqual(64 * 1024);
    server.resume();
    for (let turn = 0; turn < 100 && sent < payload.length; turn += 1) {
      await Promise.resolve();
      sent += client.write(payload.subarray(sent));
    }
    client.end();
    expect(await clientWriter.toEnd()).toEqual(payload);
    expect(joined.inFlightBytes).toBe(0);
  });

  test("Pump passes an end on at once where the far side can half-close, and the answer after it", () => {
    const { client, server, serverReader, clientReader, closes } = setUp();
    client.write(bytes("q"));
    client.end();
    expect(serverReader.hasEnded).toBe(true);
    server.write(bytes("a"));
    expect(clientReader.data.toString()).toBe("a");
    expect(closes()).toBe(0);
    server.end();
    expect(clientReader.hasEnded).toBe(true);
    expect([clientReader.isClosed, serverReader.isClosed, closes()]).toEqual([true, true, 1]);
  });

  test("Pump passes a remote end on at once and goes on upwards", () => {
    const { client, server, serverReader, clientReader, closes } = setUp();
    server.end();
    expect(clientReader.hasEnded).toBe(true);
    client.write(bytes("still"));
    expect(serverReader.data.toString()).toBe("still");
    client.end();
    expect(closes()).toBe(1);
  });

  test("Pump passes an end on only behind the bytes before it", async () => {
    const { client, server, serverReader } = setUp();
    server.pause();
    const payload = randomBytes(100_000);
    client.write(payload.subarray(0, 64 * 1024));
    client.write(payload.subarray(64 * 1024));
    client.end();
    expect(serverReader.hasEnded).toBe(false);
    server.resume();
    expect(await serverReader.toEnd()).toEqual(payload);
  });

  test("Pump holds an end back from a far side that would cut the answer off", () => {
    const { client, server, remote, serverReader, clientReader, timer, closes } = setUp(false);
    client.write(bytes("question"));
    client.end();
    timer.advance(59_000);
    expect(remote.isEndSent).toBe(false);
    server.write(bytes("late answer"));
    expect(clientReader.data.toString()).toBe("late answer");
    timer.advance(1999);
    expect(remote.isEndSent).toBe(false);
    timer.advance(1);
    expect(remote.isEndSent).toBe(true);
    expect([serverReader.isClosed, clientReader.isClosed, closes()]).toEqual([true, true, 1]);
  });

  test("Pump ends with the far side while it holds an end back", () => {
    const { client, server, clientReader, heldEnds, closes } = setUp(false);
    client.write(bytes("q"));
    client.end();
    server.write(bytes("a"));
    server.end();
    expect(clientReader.data.toString()).toBe("a");
    expect([clientReader.hasEnded, clientReader.isClosed, closes()]).toEqual([true, true, 1]);
    expect(heldEnds.size).toBe(0);
  });

  test("Pump lingers briefly where the far side has answered already", () => {
    const { client, server, remote, timer } = setUp(false);
    client.write(bytes("q"));
    server.write(bytes("a"));
    client.end();
    timer.advance(1999);
    expect(remote.isEndSent).toBe(false);
    timer.advance(1);
    expect(remote.isEndSent).toBe(true);
  });

  test("Pump closes at once when the local side breaks while an end is held back", () => {
    const { client, local, remote, heldEnds, closes } = setUp(false);
    client.write(bytes("q"));
    client.end();
    local.breakOff(new Error("reset"));
    expect(remote.isClosed).toBe(true);
    expect([heldEnds.size, closes()]).toEqual([0, 1]);
  });

  test("Pump passes a local break on at once, bytes in flight or not", () => {
    const { client, server, local, remote, serverReader } = setUp();
    server.pause();
    client.write(randomBytes(64 * 1024));
    client.write(randomBytes(1000));
    local.breakOff(new Error("reset"));
    expect(remote.isClosed).toBe(true);
    expect(serverReader.error?.message).toBe("reset");
  });

  test("Pump passes a remote break on behind the bytes that came before it", async () => {
    const { client, server, remote, clientReader, closes } = setUp();
    client.pause();
    const payload = randomBytes(100_000);
    server.write(payload.subarray(0, 64 * 1024));
    server.write(payload.subarray(64 * 1024));
    remote.breakOff(new Error("reset"));
    expect(clientReader.isClosed).toBe(false);
    client.resume();
    expect((await clientReader.toClose())?.message).toBe("reset");
    expect(clientReader.data.equals(payload)).toBe(true);
    expect(closes()).toBe(1);
  });

  test("Pump.destroy() drops both sides and reports once", () => {
    const { joined, clientReader, serverReader, closes } = setUp();
    joined.destroy(new Error("closing"));
    joined.destroy();
    expect([clientReader.isClosed, serverReader.isClosed, closes()]).toEqual([true, true, 1]);
  });
});

describe("pump()", () => {
  const signal = new AbortController().signal;

  test("pump() resolves when both directions have ended", async () => {
    const [client, local] = streamPair();
    const [server, remote] = streamPair();
    const done = pump(local, remote, { signal });
    const reader = new StreamReader(server);
    new StreamReader(client);
    client.write(bytes("x"));
    client.end();
    await reader.toEnd();
    server.end();
    await done;
    expect(reader.data.toString()).toBe("x");
  });

  test("pump() rejects when the remote side breaks, not when the local one does", async () => {
    const [, local] = streamPair();
    const [, remote] = streamPair();
    const done = pump(local, remote, { signal });
    remote.breakOff(new Error("reset"));
    expect(await done.catch((error: unknown) => error)).toBeInstanceOf(UnreachableError);
    const [, otherLocal] = streamPair();
    const [, otherRemote] = streamPair();
    const otherDone = pump(otherLocal, otherRemote, { signal });
    otherLocal.breakOff(new Error("reset"));
    await otherDone;
  });

  test("pump() rejects with the signal's reason and drops both sides", async () => {
    const [client, local] = streamPair();
    const [server, remote] = streamPair();
    const controller = new AbortController();
    const done = pump(local, remote, { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await done.catch((error: unknown) => error)).toBe(reason);
    expect([client.isClosed, server.isClosed]).toEqual([true, true]);
  });
});
