import { afterEach, describe, expect, test } from "bun:test";
import { AppError, AuthError, TimeoutError, UnreachableError, UsageError } from "../../../src/domain/errors.ts";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import type { Route } from "../../../src/domain/route.ts";
import { httpConnect } from "../../../src/transports/http-connect/http-connect.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { type ConnectProxyOptions, startConnectProxy } from "../../support/connect-proxy.ts";
import { closedPort, echo, greet, startServer, type TestServer } from "../../support/echo-server.ts";
import { eventually } from "../../support/eventually.ts";
import { describeTransport } from "../contract.ts";
import { apache, squid, tinyproxy } from "./real-proxies.ts";

function routeVia(port: number, headers: Record<string, string> = {}): Route {
  return {
    transport: "http-connect",
    host: "127.0.0.1",
    via: { url: `http://127.0.0.1:${port}`, headers: () => headers },
  };
}

describeTransport({
  name: "http-connect over a plain proxy",
  isAvailable: true,
  start: async () => {
    const proxy = await startConnectProxy();
    return { dialer: httpConnect.open(routeVia(proxy.port), SILENT_LOG), stop: () => proxy.close() };
  },
});

describeTransport({
  name: "http-connect over a proxy that cuts both ways and its reply into bytes",
  isAvailable: true,
  start: async () => {
    const proxy = await startConnectProxy({ cutsBothWays: true, sliceBytes: 60 });
    return { dialer: httpConnect.open(routeVia(proxy.port), SILENT_LOG), stop: () => proxy.close() };
  },
});

for (const peer of [tinyproxy, squid, apache]) {
  describeTransport({
    name: `http-connect over ${peer.name}`,
    isAvailable: peer.isAvailable,
    start: async () => {
      const proxy = await peer.start();
      return { dialer: httpConnect.open(routeVia(proxy.port), SILENT_LOG), stop: () => proxy.stop() };
    },
  });
}

describe("httpConnect", () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  async function proxyWith(options: ConnectProxyOptions) {
    const proxy = await startConnectProxy(options);
    cleanups.push(() => proxy.close());
    return proxy;
  }

  async function serverWith(serve: Parameters<typeof startServer>[0]): Promise<TestServer> {
    const server = await startServer(serve);
    cleanups.push(() => server.close());
    return server;
  }

  const dial = (route: Route, port: number, timeoutMs = 10_000) =>
    httpConnect.open(route, SILENT_LOG).dial(port, { signal: new AbortController().signal, timeoutMs });

  async function failureOf(proxyPort: number, timeoutMs?: number): Promise<AppError> {
    const error = await dial(routeVia(proxyPort), 22, timeoutMs).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }

  test("httpConnect sends the request with Host and the route's headers", async () => {
    const server = await serverWith(echo);
    const proxy = await proxyWith({});
    const asked: unknown[] = [];
    const route: Route = {
      transport: "http-connect",
      host: "127.0.0.1",
      via: {
        url: `http://127.0.0.1:${proxy.port}/`,
        headers: async (request) => {
          asked.push(request);
          return { "Proxy-Authorization": "Basic dTpw" };
        },
      },
    };
    const stream = await dial(route, server.port);
    const target = `127.0.0.1:${server.port}`;
    expect(asked).toEqual([{ method: "CONNECT", target, host: target }]);
    expect(proxy.requests[0]?.head.split("\r\n")).toEqual([
      `CONNECT ${target} HTTP/1.1`,
      `Host: ${target}`,
      "Proxy-Authorization: Basic dTpw",
    ]);
    expect(stream.canHalfClose).toBe(false);
    stream.destroy();
  });

  test.each([
    ["a 200 of another wording", "HTTP/1.0 200 OK\r\n\r\n"],
    ["a 201 and no reason", "HTTP/1.1 201\r\nX: y\r\n\r\n"],
    ["bare line feeds", "HTTP/1.1 200 fine\nproxy-AGENT: x\n\n"],
    ["blanks before the reason", "HTTP/1.1  299   \r\n\r\n"],
  ])("httpConnect takes %s for a success", async (_name, success) => {
    const greeting = Buffer.from("\r\n\r\nSSH-2.0-x\r\n");
    const server = await serverWith(greet(greeting));
    const proxy = await proxyWith({ success, sliceBytes: success.length });
    const stream = await dial(routeVia(proxy.port), server.port);
    expect(await new StreamReader(stream).atLeast(greeting.length)).toEqual(greeting);
    stream.destroy();
  });

  test.each([
    ["401", "HTTP/1.1 401 Unauthorized\r\n\r\n", AuthError, "proxy-login", "proxy-token-refused"],
    [
      "407 as EDGE says it",
      "HTTP/1.1 407 \r\nContent-Length: 0\r\n\r\n",
      AuthError,
      "proxy-login",
      "proxy-login-needed",
    ],
    ["403", "HTTP/1.1 403 Forbidden\r\n\r\n", AuthError, "proxy-login", "proxy-forbids"],
    ["502", "HTTP/1.1 502 Bad Gateway\r\n\r\n", UnreachableError, "remote-port", "remote-port-refused"],
    ["503", "HTTP/1.1 503 x\r\n\r\n", UnreachableError, "remote-port", "remote-port-refused"],
    ["504", "HTTP/1.1 504 x\r\n\r\n", UnreachableError, "remote-port", "remote-port-refused"],
    [
      "tinyproxy's 500",
      "HTTP/1.0 500 Unable to connect\r\n\r\n",
      UnreachableError,
      "remote-port",
      "remote-port-refused",
    ],
    ["500", "HTTP/1.1 500 Oops\r\n\r\n", UnreachableError, "proxy-tcp", "proxy-refuses"],
    ["400", "HTTP/1.1 400 Bad Request\r\n\r\n", UnreachableError, "proxy-tcp", "proxy-refuses"],
    ["302", "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", UnreachableError, "proxy-tcp", "proxy-refuses"],
    [
      "a web server that wants TLS",
      "HTTP/1.1 400 Bad Request\r\n\r\n<html>The plain HTTP request was sent to HTTPS port</html>",
      UnreachableError,
      "proxy-tcp",
      "proxy-speaks-tls",
    ],
    ["a TLS alert", "\x15\x03\x01\x00\x02\x02\x46", UnreachableError, "proxy-tcp", "proxy-speaks-tls"],
    ["an SSH server", "SSH-2.0-OpenSSH_9.2\r\n", UnreachableError, "proxy-tcp", "proxy-not-http"],
    ["a broken status line", "HTTP/1.1 abc\r\n\r\n", UnreachableError, "proxy-tcp", "proxy-not-http"],
    ["an early close", "", UnreachableError, "proxy-tcp", "proxy-closed"],
    ["a close within the head", "HTTP/1.1 200 OK\r\n", UnreachableError, "proxy-tcp", "proxy-closed"],
  ])("httpConnect explains %s", async (_name, reply, kind, hop, code) => {
    const proxy = await proxyWith({ reply: () => Buffer.from(reply, "latin1") });
    const error = await failureOf(proxy.port);
    expect(error).toBeInstanceOf(kind);
    expect([error.hop, error.code]).toEqual([hop as typeof error.hop, code]);
    await eventually(() => expect(proxy.connections.size).toBe(0));
  });

  test("httpConnect quotes a status line without control characters and briefly", async () => {
    const proxy = await proxyWith({ reply: () => `HTTP/1.1 404 a\x1b[31m"b\x07${"c".repeat(500)}\r\n\r\n` });
    const { message } = await failureOf(proxy.port);
    expect(message).not.toMatch(/[^\x20-\x7e]/);
    expect(message.length).toBeLessThan(300);
    expect(message).toContain(`"HTTP/1.1 404 a [31m'b `);
  });

  test("httpConnect gives an endless head up", async () => {
    const proxy = await proxyWith({
      reply: () => `HTTP/1.1 200 OK\r\n${"X-Filler: y\r\n".repeat(3000)}`,
      keepOpen: true,
    });
    expect((await failureOf(proxy.port)).code).toBe("proxy-not-http");
    await eventually(() => expect(proxy.connections.size).toBe(0));
  });

  test("httpConnect gives a mute proxy up in time", async () => {
    const proxy = await proxyWith({ reply: () => "", keepOpen: true });
    const error = await failureOf(proxy.port, 150);
    expect(error).toBeInstanceOf(TimeoutError);
    expect([error.hop, error.code]).toEqual(["proxy-tcp", "proxy-silent"]);
    await eventually(() => expect(proxy.connections.size).toBe(0));
  });

  test("httpConnect tells an absent proxy by its hop", async () => {
    const error = await failureOf(await closedPort());
    expect([error.hop, error.code]).toEqual(["proxy-tcp", "connection-refused"]);
  });

  test("httpConnect refuses headers that would forge others, without telling their values", async () => {
    const proxy = await proxyWith({});
    const dialing = dial(routeVia(proxy.port, { "Proxy-Authorization": "geheim\r\nX: y" }), 22);
    const error = await dialing.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).not.toContain("geheim");
    expect(proxy.connections.size).toBe(0);
  });

  test.each(["", "proxy:3128", "ftp://proxy", "http://", "http://proxy:0", "http://a b:1"])(
    "httpConnect.open() refuses the address %p",
    (url) => {
      const route: Route = { transport: "http-connect", host: "h", via: { url } };
      expect(() => httpConnect.open(route, SILENT_LOG)).toThrow(UsageError);
    },
  );
});
