import { afterEach, describe, expect, test } from "bun:test";
import { TimeoutError, UnreachableError } from "../../src/domain/errors.ts";
import { RecentConnects } from "../../src/streams/recent-connects.ts";
import type { Resolver } from "../../src/streams/resolve-host.ts";
import { connectTcp } from "../../src/streams/tcp-connect.ts";
import { listenTcp } from "../../src/streams/tcp-listener.ts";
import { StreamReader, standsStill } from "../support/byte-stream-ends.ts";
import { answerAfterEnd, closedPort, echo, startServer, type TestServer } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { countOpenSockets } from "../support/open-sockets.ts";
import { hasSilentPorts, openSilentPort } from "../support/silent-port.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serverWith(serve: Parameters<typeof startServer>[0], host?: string): Promise<TestServer> {
  const server = await startServer(serve, host);
  cleanups.push(() => server.close());
  return server;
}

type Options = Partial<Parameters<typeof connectTcp>[1]>;

function connect(port: number, host = "127.0.0.1", options: Options = {}) {
  const defaults = { signal: new AbortController().signal, timeoutMs: 5000, hop: "remote-port" } as const;
  return connectTcp({ host, port }, { ...defaults, ...options });
}

const failureOf = (connecting: Promise<unknown>) => connecting.catch((error: unknown) => error);

describe("connectTcp()", () => {
  test("connectTcp() resolves a name and tries the next address when one refuses", async () => {
    const server = await serverWith(echo);
    const asked: string[] = [];
    const resolve: Resolver = async (host) => {
      asked.push(host);
      return ["127.0.0.2", "::1", "127.0.0.1"];
    };
    const stream = await connect(server.port, "run.invalid", { resolve });
    const reader = new StreamReader(stream);
    await reader.write(Buffer.from("x"));
    await reader.atLeast(1);
    expect(asked).toEqual(["run.invalid"]);
    stream.destroy();
  });

  test("connectTcp() tells a name that does not resolve, with the hop dns", async () => {
    const failing: Resolver = () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
    const error = await failureOf(connect(1, "run.invalid", { resolve: failing }));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ code: "dns-failed", hop: "dns" });
    expect(String(error)).toContain("run.invalid");
    const empty: Resolver = async () => [];
    expect(await failureOf(connect(1, "run.invalid", { resolve: empty }))).toMatchObject({ code: "dns-failed" });
  });

  test("connectTcp() gives up a resolver that does not answer", async () => {
    const mute: Resolver = () => new Promise(() => undefined);
    const error = await failureOf(connect(1, "run.invalid", { resolve: mute, timeoutMs: 50 }));
    expect(error).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const connecting = failureOf(connect(1, "run.invalid", { resolve: mute, signal: controller.signal }));
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
  });

  test("connectTcp() tells a refusal by the hop it was given", async () => {
    const error = await failureOf(connect(await closedPort(), "127.0.0.1", { hop: "jump-host" }));
    expect(error).toMatchObject({ code: "connection-refused", hop: "jump-host", cause: { code: "ECONNREFUSED" } });
  });

  test.skipIf(!hasSilentPorts)("connectTcp() tries the next address beside a silent one", async () => {
    const silent = await openSilentPort();
    cleanups.push(() => silent.close());
    const server = await startServerOn("127.0.0.2", silent.port);
    const before = countOpenSockets();
    const stream = await connect(silent.port, "run.invalid", { resolve: async () => ["127.0.0.1", "127.0.0.2"] });
    const reader = new StreamReader(stream);
    await reader.write(Buffer.from("x"));
    expect((await reader.atLeast(1)).toString()).toBe("x");
    stream.destroy();
    await eventually(() => expect(countOpenSockets()).toBeLessThanOrEqual(before));
    server.close();
  });

  test("connectTcp() takes the short way to an endpoint that has just answered, with the same outcome", async () => {
    const server = await serverWith(answerAfterEnd((question) => question));
    const recent = new RecentConnects();
    for (let round = 0; round < 5; round += 1) {
      const stream = await connect(server.port, "127.0.0.1", { recent });
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("half"));
      stream.end();
      expect((await reader.toEnd()).toString()).toBe("half");
      expect(await reader.toClose()).toBeUndefined();
    }
    await server.close();
    const error = await failureOf(connect(server.port, "127.0.0.1", { recent }));
    expect(error).toMatchObject({ code: "remote-port-refused", hop: "remote-port" });
    cleanups.length = 0;
  });

  test("connectTcp() drops a connection of the short way that was given up", async () => {
    const server = await serverWith(echo);
    const recent = new RecentConnects();
    (await connect(server.port, "127.0.0.1", { recent })).destroy();
    const controller = new AbortController();
    const connecting = failureOf(connect(server.port, "127.0.0.1", { recent, signal: controller.signal }));
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    await eventually(() => expect(server.connections.size).toBe(0));
  });
});

describe("RecentConnects", () => {
  const endpoint = { host: "run.invalid", port: 22 };

  test("RecentConnect.reserve() gives the address that answered within the last second", () => {
    let now = 0;
    const recent = new RecentConnects(() => now);
    const known = recent.of(endpoint);
    expect(known.reserve()).toBeUndefined();
    known.succeeded("127.0.0.9");
    expect(recent.of({ host: "run.invalid", port: 23 }).reserve()).toBeUndefined();
    now = 1000;
    expect(recent.of({ ...endpoint }).reserve()).toBe("127.0.0.9");
    now = 1001;
    expect(known.reserve()).toBeUndefined();
    known.succeeded("127.0.0.9");
    known.failed();
    expect(known.reserve()).toBeUndefined();
  });

  test("RecentConnect.reserve() limits how many may be under way", () => {
    const known = new RecentConnects(() => 0).of(endpoint);
    known.succeeded("127.0.0.9");
    for (let count = 0; count < 16; count += 1) expect(known.reserve()).toBeDefined();
    expect(known.reserve()).toBeUndefined();
    known.release();
    expect(known.reserve()).toBeDefined();
  });
});

describe("listenTcp()", () => {
  test("listenTcp() throws the system's code for a taken port", async () => {
    const server = await serverWith(echo);
    let code: unknown;
    try {
      listenTcp({ host: "127.0.0.1", port: server.port, onConnection: () => undefined });
    } catch (error) {
      code = (error as { code?: unknown }).code;
    }
    expect(code).toBe("EADDRINUSE");
  });

  test("listenTcp() gives streams that hold what comes before they are attached", async () => {
    const accepted = Promise.withResolvers<Parameters<Parameters<typeof listenTcp>[0]["onConnection"]>[0]>();
    const listener = listenTcp({ host: "127.0.0.1", port: 0, onConnection: accepted.resolve });
    cleanups.push(() => listener.close());
    const client = await connect(listener.port);
    const payload = Buffer.alloc(32_000_000, "abc");
    const writing = new StreamReader(client);
    const written = writing.write(payload).then(() => client.end());
    const stream = await accepted.promise;
    expect(await standsStill(() => writing.writtenBytes)).toBeLessThan(payload.length);
    const reader = new StreamReader(stream);
    expect((await reader.toEnd()).equals(payload)).toBe(true);
    await written;
    stream.end();
    expect(await writing.toClose()).toBeUndefined();
  });
});

function startServerOn(host: string, port: number): Promise<{ close(): void }> {
  const listener = listenTcp({
    host,
    port,
    onConnection: (stream) =>
      stream.attach({
        onData: (chunk) => void stream.write(chunk),
        onDrain: () => undefined,
        onEnd: () => stream.end(),
        onClose: () => undefined,
      }),
  });
  return Promise.resolve(listener);
}
