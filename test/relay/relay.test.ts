import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import type { ByteStream } from "../../src/domain/byte-stream.ts";
import { ConflictError, UnreachableError } from "../../src/domain/errors.ts";
import { type Log, SILENT_LOG } from "../../src/domain/log.ts";
import { type Relay, type RelayOptions, startRelay } from "../../src/relay/relay.ts";
import { connectTcp } from "../../src/streams/tcp-connect.ts";
import { answerAfterEnd, closedPort, echo, startServer, type TestServer } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { canCountSockets, countOpenSockets } from "../support/open-sockets.ts";
import { FakeTimer } from "./fake-timer.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function relayWith(options: Partial<RelayOptions> & Pick<RelayOptions, "dial">): Relay {
  const ports = [{ local: 0, remote: 22 }];
  const relay = startRelay({ listenAddress: "127.0.0.1", log: SILENT_LOG, ports, ...options });
  cleanups.push(() => relay.close());
  return relay;
}

async function serverWith(serve: (socket: net.Socket) => void): Promise<TestServer> {
  const server = await startServer(serve);
  cleanups.push(() => server.close());
  return server;
}

function dialTo(port: number, canHalfClose = true): RelayOptions["dial"] {
  return (_remotePort, signal) =>
    connectTcp({ host: "127.0.0.1", port }, { signal, timeoutMs: 5000, hop: "remote-port", canHalfClose });
}

function client(relay: Relay, index = 0): net.Socket {
  const socket = net.connect({ host: "127.0.0.1", port: relay.ports[index]?.local ?? 0, allowHalfOpen: true });
  socket.on("error", () => undefined);
  cleanups.push(() => socket.destroy());
  return socket;
}

async function read(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks).toString();
}

function recordingLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const record = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log = { debug: record("debug"), info: record("info"), warning: record("warning"), error: record("error") };
  return { log, lines };
}

describe("startRelay()", () => {
  test("startRelay() joins a client to the dialled stream and counts", async () => {
    const server = await serverWith(echo);
    const dialled: number[] = [];
    const dial: RelayOptions["dial"] = (port, signal) => {
      dialled.push(port);
      return dialTo(server.port)(port, signal);
    };
    const relay = relayWith({
      dial,
      ports: [
        { local: 0, remote: 22 },
        { local: 0, remote: 8080 },
      ],
    });
    const socket = client(relay, 1);
    socket.end("hello");
    expect(await read(socket)).toBe("hello");
    expect(dialled).toEqual([8080]);
    await eventually(() => expect(relay.stats().open).toBe(0));
    const { total, failed, bytesUp, bytesDown, inFlightBytes, lastByteAt } = relay.stats();
    expect([total, failed, bytesUp, bytesDown, inFlightBytes]).toEqual([1, 0, 5, 5, 0]);
    expect(Math.abs(Date.now() - (lastByteAt ?? 0))).toBeLessThan(60_000);
    expect(relay.ports.map((pair) => pair.remote)).toEqual([22, 8080]);
    expect(new Set(relay.ports.map((pair) => pair.local)).size).toBe(2);
  });

  test("startRelay() binds all ports or none, and says why", async () => {
    const held = await serverWith(echo);
    const free = await closedPort();
    const ports = [
      { local: free, remote: 1 },
      { local: held.port, remote: 2 },
    ];
    let error: unknown;
    try {
      relayWith({ dial: dialTo(1), ports });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ code: "local-port-taken", hop: "local-port", cause: { code: "EADDRINUSE" } });
    relayWith({ dial: dialTo(1), ports: [{ local: free, remote: 1 }] });
  });

  test("startRelay() gets a port at once that a closed relay had, with its connections still open", async () => {
    const server = await serverWith(echo);
    const first = relayWith({ dial: dialTo(server.port) });
    const socket = client(first);
    socket.write("a");
    await once(socket, "data");
    first.closeListeners();
    first.closeListeners();
    const second = relayWith({ dial: dialTo(server.port), ports: first.ports });
    const other = client(second);
    const answers = Promise.all([once(other, "data"), once(socket, "data")]);
    other.write("b");
    socket.write("c");
    expect((await answers).map(String)).toEqual(["b", "c"]);
    expect(first.stats().open).toBe(1);
  });

  test("startRelay() keeps bytes and the end that come before the dial is done, within bounds", async () => {
    const server = await serverWith(answerAfterEnd((question) => Buffer.from(`${question.length}`)));
    const gate = Promise.withResolvers<void>();
    const dial: RelayOptions["dial"] = async (port, signal) => {
      await gate.promise;
      return dialTo(server.port)(port, signal);
    };
    const relay = relayWith({ dial });
    const socket = client(relay);
    const size = 20_000_000;
    socket.end(Buffer.alloc(size));
    await eventually(() => expect(relay.connections()).toMatchObject([{ state: "dialing", remotePort: 22 }]));
    expect(relay.stats()).toMatchObject({ open: 1, bytesUp: 0 });
    gate.resolve();
    expect(await read(socket)).toBe(`${size}`);
  });

  test("startRelay() ends the dial when the client resets", async () => {
    const started = Promise.withResolvers<AbortSignal>();
    const dial: RelayOptions["dial"] = (_port, signal) => {
      started.resolve(signal);
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const failures: unknown[] = [];
    const relay = relayWith({ dial, onDialFailure: (error) => void failures.push(error) });
    const socket = client(relay);
    const signal = await started.promise;
    socket.resetAndDestroy();
    await eventually(() => expect(signal.aborted).toBe(true));
    expect(relay.stats()).toMatchObject({ open: 0, failed: 0 });
    expect(failures).toEqual([]);
  });

  test("startRelay() drops a stream whose dial finishes after the client is gone", async () => {
    const server = await serverWith(echo);
    const gate = Promise.withResolvers<void>();
    const accepted = server.nextConnection();
    const dial: RelayOptions["dial"] = async () => {
      await gate.promise;
      return await dialTo(server.port)(1, new AbortController().signal);
    };
    const relay = relayWith({ dial });
    const socket = client(relay);
    await eventually(() => expect(relay.stats().open).toBe(1));
    socket.resetAndDestroy();
    await eventually(() => expect(relay.stats().open).toBe(0));
    gate.resolve();
    await accepted;
    await eventually(() => expect(server.connections.size).toBe(0));
  });

  test("startRelay() resets the client when the dial fails, without a foreign byte, and logs once per streak", async () => {
    const server = await serverWith(echo);
    let isDown = true;
    const dial: RelayOptions["dial"] = (port, signal) =>
      isDown
        ? Promise.reject(new UnreachableError("No way", { code: "no-way", hop: "remote-port" }))
        : dialTo(server.port)(port, signal);
    const { log, lines } = recordingLog();
    const failures: unknown[] = [];
    const relay = relayWith({ dial, log, onDialFailure: (error, port) => void failures.push([String(error), port]) });
    for (let round = 0; round < 3; round += 1) {
      const socket = client(relay);
      const received: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => received.push(chunk));
      const [error] = await once(socket, "error").catch((thrown: unknown) => [thrown]);
      expect(error).toMatchObject({ code: "ECONNRESET" });
      expect(received).toEqual([]);
    }
    expect(lines).toEqual(["warning Dial failed: No way"]);
    expect(failures).toEqual(Array.from({ length: 3 }, () => ["UnreachableError: No way", 22]));
    isDown = false;
    const socket = client(relay);
    socket.end("ok");
    expect(await read(socket)).toBe("ok");
    expect(lines).toEqual(["warning Dial failed: No way", "info Dials succeed again"]);
    expect(relay.stats()).toMatchObject({ total: 4, failed: 3 });
  });

  test("startRelay() lets no connection wait for another's dial", async () => {
    const server = await serverWith(echo);
    let count = 0;
    const dial: RelayOptions["dial"] = (port, signal) => {
      count += 1;
      return count === 1 ? new Promise<ByteStream>(() => undefined) : dialTo(server.port)(port, signal);
    };
    const relay = relayWith({ dial });
    client(relay);
    await eventually(() => expect(count).toBe(1));
    const socket = client(relay);
    socket.end("second");
    expect(await read(socket)).toBe("second");
  });

  test("startRelay() loses no answer through a far side that cuts both ways", async () => {
    const server = await serverWith((socket) => {
      let wasCut = false;
      socket.on("end", () => {
        wasCut = true;
        socket.destroy();
      });
      socket.once("data", () => setImmediate(() => setImmediate(() => wasCut || socket.end("answer"))));
    });
    const relay = relayWith({ dial: dialTo(server.port, false), timer: new FakeTimer() });
    for (let round = 0; round < 20; round += 1) {
      const socket = client(relay);
      socket.end("question");
      expect(await read(socket)).toBe("answer");
    }
    await eventually(() => expect(relay.stats().open).toBe(0));
  });

  test("Relay.drain() resolves when the last connection is closed, and rejects with the signal's reason", async () => {
    const server = await serverWith(echo);
    const relay = relayWith({ dial: dialTo(server.port) });
    await relay.drain(new AbortController().signal);
    const socket = client(relay);
    socket.write("x");
    await once(socket, "data");
    const controller = new AbortController();
    const first = relay.drain(controller.signal).catch((error: unknown) => error);
    const second = relay.drain(new AbortController().signal);
    const reason = new Error("too long");
    controller.abort(reason);
    expect(await first).toBe(reason);
    expect(await relay.drain(AbortSignal.abort(reason)).catch((error: unknown) => error)).toBe(reason);
    socket.end();
    await second;
    expect(relay.stats().open).toBe(0);
  });

  test.skipIf(!canCountSockets)("Relay.close() drops everything and frees every descriptor", async () => {
    const server = await serverWith(echo);
    const before = countOpenSockets();
    const relay = relayWith({ dial: dialTo(server.port) });
    const sockets = Array.from({ length: 10 }, () => client(relay));
    for (const socket of sockets) socket.write("x");
    await Promise.all(sockets.map((socket) => once(socket, "data")));
    relay.close();
    relay.close();
    expect(relay.stats()).toMatchObject({ open: 0, total: 10, bytesUp: 10, bytesDown: 10 });
    await eventually(() => expect(countOpenSockets()).toBeLessThanOrEqual(before));
  });

  test("startRelay() serves a thousand connections at once", async () => {
    const server = await serverWith(echo);
    const relay = relayWith({ dial: dialTo(server.port) });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        const socket = client(relay);
        socket.write(`${index}`);
        const [chunk] = await once(socket, "data");
        return `${chunk}` === `${index}`;
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
    expect(relay.stats().open).toBe(1000);
  });
});
