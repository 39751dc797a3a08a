import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import fc from "fast-check";
import { askControl, fetchStatus } from "../../../src/tunnel/control/control-client.ts";
import { LineReader } from "../../../src/tunnel/control/control-lines.ts";
import {
  type ControlReply,
  type ControlRequest,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  MAX_CONTROL_LINE_BYTES,
  type TunnelStatus,
} from "../../../src/tunnel/control/control-protocol.ts";
import { type ControlServer, startControlServer } from "../../../src/tunnel/control/control-server.ts";
import { startServer, swallow } from "../../support/echo-server.ts";
import { eventually } from "../../support/eventually.ts";

const TOKEN = "0123456789abcdef";
const STATUS: TunnelStatus = {
  health: {
    state: "degraded",
    since: 1,
    failuresInRow: 1,
    lastFailure: { code: "x", hop: "dns", message: "m é", at: 2 },
  },
  route: "10.0.0.1, direct",
  incarnation: "first",
  openConnections: 1,
  totalConnections: 2,
  failedConnections: 3,
  bytesUp: 4,
  bytesDown: 5,
  inFlightBytes: 6,
  lastByteAt: 7,
  probes: [{ at: 1, ok: true, roundTripMs: 2 }],
  outages: [{ from: 1, to: 2, code: "x", message: "m" }],
};
const signal = (): AbortSignal => new AbortController().signal;

describe("the control protocol", () => {
  test.each<ControlReply>([
    { kind: "status", status: STATUS },
    { kind: "draining", openConnections: 2, inFlightBytes: 100 },
    { kind: "stopped" },
    { kind: "refused", message: "a\nb" },
  ])("carries the reply %#", (reply) => {
    expect(encodeReply(reply).split("\n")).toHaveLength(2);
    expect(decodeReply(encodeReply(reply).trim())).toEqual(reply);
  });

  test.each<ControlRequest>([{ kind: "status" }, { kind: "stop", timeoutMs: 250 }])(
    "carries the request %#",
    (request) => {
      expect(decodeRequest(encodeRequest(TOKEN, request).trim())).toEqual({ token: TOKEN, request });
    },
  );

  test("takes any other text for no request, and for a garbled reply", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(decodeRequest(text)).toBeUndefined();
        expect(() => decodeReply(text)).toThrow(expect.objectContaining({ code: "control-garbled" }));
      }),
    );
  });

  test.each([
    '{"kind":"stop","timeoutMs":-1}',
    '{"kind":"stop"}',
    '{"kind":"reboot"}',
    '{"kind":"stop","timeoutMs":null}',
  ])("refuses the request %s", (request) => {
    expect(decodeRequest(`{"token":"${TOKEN}","request":${request}}`)).toBeUndefined();
  });
});

describe("LineReader", () => {
  test("finds the same lines however the bytes are cut", () => {
    const pieces = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), pieces, (texts, sizes) => {
        const lines = texts.map((text) => text.replaceAll("\n", " "));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const found: string[] = [];
        const reader = new LineReader(
          (line) => found.push(line),
          () => found.push("overflow"),
        );
        let at = 0;
        for (let turn = 0; at < bytes.length; turn += 1) {
          const size = 1 + (sizes[turn % sizes.length] ?? 0);
          reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(found).toEqual(lines);
      }),
    );
  });

  test("stops at a line without end, and keeps half a line to itself", () => {
    const seen: string[] = [];
    const reader = new LineReader(
      (line) => seen.push(line),
      () => seen.push("overflow"),
    );
    reader.push(Buffer.from("half"));
    expect(seen).toEqual([]);
    reader.push(Buffer.alloc(MAX_CONTROL_LINE_BYTES, "x"));
    expect(seen).toEqual(["overflow"]);
  });
});

describe("the control channel", () => {
  let server: ControlServer;
  let asked: ControlRequest[];

  beforeEach(() => {
    asked = [];
    server = startControlServer(TOKEN, (request, reply) => {
      asked.push(request);
      if (request.kind === "status") return reply({ kind: "status", status: STATUS });
      reply({ kind: "draining", openConnections: 2, inFlightBytes: 9 });
      reply({ kind: "draining", openConnections: 1, inFlightBytes: 0 });
      reply({ kind: "stopped" });
    });
  });
  afterEach(() => server.close());

  test("answers whoever has the token", async () => {
    expect(await fetchStatus({ port: server.port, token: TOKEN }, signal())).toEqual(STATUS);
  });

  test("tells how a stop goes until its last word", async () => {
    const replies: ControlReply[] = [];
    await askControl({ port: server.port, token: TOKEN }, { kind: "stop", timeoutMs: 5 }, signal(), (reply) => {
      replies.push(reply);
      return reply.kind === "stopped";
    });
    expect(replies.map(({ kind }) => kind)).toEqual(["draining", "draining", "stopped"]);
    expect(asked).toEqual([{ kind: "stop", timeoutMs: 5 }]);
  });

  test("serves many at once", async () => {
    const all = Array.from({ length: 50 }, () => fetchStatus({ port: server.port, token: TOKEN }, signal()));
    expect((await Promise.all(all)).every((status) => status?.bytesUp === 4)).toBe(true);
  });

  test.each(["", "0123456789abcdeF", "0123456789abcde", `${TOKEN} `, "é"])(
    "tells nothing to the token %j",
    async (token) => {
      expect(await fetchStatus({ port: server.port, token }, signal())).toBeUndefined();
      expect(asked).toEqual([]);
    },
  );

  test.each<[string, string | Buffer]>([
    ["garbage", "GET / HTTP/1.1\r\n\r\n"],
    ["JSON that is no request", '{"token":1}\n'],
    ["a request without a token", `{"request":{"kind":"status"}}\n`],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
    ["a line without end", Buffer.alloc(2 * MAX_CONTROL_LINE_BYTES, "x")],
  ])("drops %s without an answer, and goes on", async (_what, bytes) => {
    const socket = net.connect(server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.write(bytes);
    await closed;
    expect(answer).toBe("");
    expect(asked).toEqual([]);
    expect(await fetchStatus({ port: server.port, token: TOKEN }, signal())).toEqual(STATUS);
  });

  test("waits for the second half of a request", async () => {
    const request = encodeRequest(TOKEN, { kind: "status" });
    const socket = net.connect(server.port, "127.0.0.1");
    const answered = once(socket, "data");
    socket.write(request.slice(0, 20));
    await eventually(() => expect(socket.bytesWritten).toBe(20));
    expect(asked).toEqual([]);
    socket.write(request.slice(20));
    await answered;
    expect(asked).toEqual([{ kind: "status" }]);
    socket.destroy();
  });
});

describe("ControlServer.close()", () => {
  test("lets go of whoever connected and says nothing, last words first", async () => {
    const server = startControlServer(TOKEN, (_request, reply) => {
      reply({ kind: "stopped" });
      server.close();
    });
    const mute = net.connect(server.port, "127.0.0.1");
    mute.on("error", () => undefined);
    const closed = once(mute, "close");
    await once(mute, "connect");
    await askControl(
      { port: server.port, token: TOKEN },
      { kind: "status" },
      signal(),
      ({ kind }) => kind === "stopped",
    );
    await closed;
  });
});

describe("fetchStatus()", () => {
  test.each<[string, (socket: net.Socket) => void]>([
    ["closes at once", (socket) => socket.destroy()],
    ["ends at once", (socket) => socket.end()],
    ["answers garbage", (socket) => socket.write("hello\n")],
    ["answers another question", (socket) => socket.end(encodeReply({ kind: "stopped" }))],
    ["answers half a line", (socket) => socket.end('{"kind":"stat')],
    ["answers without end", (socket) => socket.write(Buffer.alloc(2 * MAX_CONTROL_LINE_BYTES, "x"))],
    ["says nothing", swallow],
  ])("is undefined where something else has the port and %s", async (_what, serve) => {
    const other = await startServer(serve);
    try {
      expect(await fetchStatus({ port: other.port, token: TOKEN }, signal())).toBeUndefined();
    } finally {
      await other.close();
    }
  });

  test("is undefined where nobody listens, and when it is aborted", async () => {
    const server = await startServer(swallow);
    expect(await fetchStatus({ port: server.port, token: TOKEN }, AbortSignal.abort())).toBeUndefined();
    await server.close();
    expect(await fetchStatus({ port: server.port, token: TOKEN }, signal())).toBeUndefined();
  });
});
