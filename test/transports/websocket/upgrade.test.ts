// The handshake against servers that answer in every way they can.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type net from "node:net";
import { AppError, AuthError, NotFoundError, TimeoutError, UnreachableError } from "../../../src/domain/errors.ts";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import type { Via } from "../../../src/domain/route.ts";
import { websocket } from "../../../src/transports/websocket/websocket.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { startServer } from "../../support/echo-server.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Answers each request with what the function makes of it. */
async function withServer<T>(
  answer: (head: string, socket: net.Socket) => void,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const server = await startServer((socket) => {
    let head = "";
    socket.on("data", (chunk: Buffer) => {
      const isNew = !head.includes("\r\n\r\n");
      head += chunk.toString("latin1");
      if (isNew && head.includes("\r\n\r\n")) answer(head, socket);
    });
  });
  try {
    return await work(server.port);
  } finally {
    await server.close();
  }
}

function dialTo(port: number, via: Partial<Via> = {}, timeoutMs = 5000) {
  const route = {
    transport: "websocket",
    host: "run.invalid",
    via: { ...via, url: via.url?.replace("PORT", String(port)) ?? `ws://127.0.0.1:${port}/relay?a=%2Fb&port={port}` },
  };
  return websocket.open(route, SILENT_LOG).dial(22, { signal: new AbortController().signal, timeoutMs });
}

function accept(head: string): string {
  const key = /^sec-websocket-key: (.*)$/im.exec(head)?.[1]?.trim() ?? "";
  const value = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${value}\r\n`;
}

async function failure(answer: string | ((head: string, socket: net.Socket) => void), via: Partial<Via> = {}) {
  const serve = typeof answer === "string" ? (_: string, socket: net.Socket) => void socket.end(answer) : answer;
  const error = await withServer(serve, (port) => dialTo(port, via).catch((thrown: unknown) => thrown));
  if (!(error instanceof AppError)) throw new Error("the dial did not fail as it should", { cause: error });
  return error;
}

function problem(status: number, type: string, title: string, rest = ""): string {
  const body = `{"type":"https://api.backend.ai/probs/${type}","title":"${title}"${rest}}`;
  return `HTTP/1.1 ${status} X\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

describe("dial() and the request", () => {
  test("sends target and Host as they were signed, with the headers given", async () => {
    let seen = "";
    let asked = {};
    await failure(
      (head, socket) => {
        seen = head;
        socket.end("HTTP/1.1 500 X\r\n\r\n");
      },
      {
        headers: (request) => {
          asked = request;
          return {
            Authorization: "BackendAI x",
            Host: "evil.invalid",
            "Sec-WebSocket-Extensions": "permessage-deflate",
          };
        },
      },
    );
    expect(seen).toStartWith("GET /relay?a=%2Fb&port=22 HTTP/1.1\r\nHost: 127.0.0.1:");
    expect(asked).toEqual({
      method: "GET",
      target: "/relay?a=%2Fb&port=22",
      host: /^host: (.*)\r$/im.exec(seen)?.[1] as string,
    });
    expect(seen).toContain("\r\nAuthorization: BackendAI x\r\n");
    expect(seen).not.toContain("evil");
    expect(seen.toLowerCase()).not.toContain("extensions");
  });

  test("refuses a header that would break the request, without showing its value", async () => {
    const error = await failure("", { headers: () => ({ Cookie: "a\r\nsecret: b" }) });
    expect(error).toBeInstanceOf(AuthError);
    expect(error.message).not.toContain("secret");
  });

  test.each([
    ["the body", (head: string) => `HTTP/1.1 500 X\r\n\r\n${head.split("\r\n").slice(6).join(" ")}`],
    ["the target in the body", (head: string) => `HTTP/1.1 500 X\r\n\r\n${head.split("\r\n")[0]}`],
    ["the reason", (head: string) => `HTTP/1.1 500 ${/^cookie: (.*)$/im.exec(head)?.[1]}\r\n\r\n`],
    ["the cookie's value alone", (head: string) => `HTTP/1.1 401 X\r\n\r\n${/SESSION=(.*?)\r/.exec(head)?.[1]}`],
    ["a redirect", (head: string) => `HTTP/1.1 302 X\r\nLocation: http://[${/Basic (.*?)\r/.exec(head)?.[1]}\r\n\r\n`],
    ["words that are no HTTP", (head: string) => `500 ${/^authorization: (.*)$/im.exec(head)?.[1]}\r\n\r\n`],
    ["the request itself", (head: string) => head],
  ])("does not show what it sent where a server repeats it in %s", async (_where, answer) => {
    const secrets = ["tops3cret", Buffer.from("me:tops3cret").toString("base64"), "s3ssion-1d", "t0ken"];
    const error = await failure((head, socket) => void socket.end(answer(head)), {
      url: "ws://127.0.0.1:PORT/relay?token=t0ken",
      headers: () => ({
        Authorization: `Basic ${secrets[1]}`,
        Cookie: `AIOHTTP_SESSION=${secrets[2]}`,
        "X-BackendAI-SessionID": "s3ssion-1d",
      }),
    });
    expect(error.hop).toStartWith("proxy-");
    for (const secret of secrets) expect(`${error.message} ${error.hint}`).not.toContain(secret);
  });
});

describe("dial() and the 101", () => {
  test("takes it byte by byte and keeps frames that follow it at once", async () => {
    const answer = async (head: string, socket: net.Socket): Promise<void> => {
      socket.setNoDelay(true);
      for (const byte of Buffer.from(`${accept(head)}X-More: 1\r\n\r\n`)) {
        await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve));
      }
      socket.write(Buffer.concat([Buffer.from([0x82, 5]), Buffer.from("SSH-2")]));
    };
    await withServer(
      (head, socket) => void answer(head, socket),
      async (port) => {
        const stream = await dialTo(port, { greets: true });
        expect((await new StreamReader(stream).atLeast(5)).toString()).toBe("SSH-2");
        stream.destroy();
      },
    );
  });

  test("keeps frames that come in the same segment", async () => {
    await withServer(
      (head, socket) => {
        const frames = Buffer.from([0x8a, 0, 0x82, 2, 72, 105]);
        socket.write(Buffer.concat([Buffer.from(`${accept(head)}\r\n`), frames]));
      },
      async (port) => {
        const stream = await dialTo(port);
        expect((await new StreamReader(stream).atLeast(2)).toString()).toBe("Hi");
        stream.destroy();
      },
    );
  });

  test.each([
    ["another request's answer", () => accept("sec-websocket-key: x"), "belongs to another request"],
    ["another protocol", (head: string) => accept(head).replace("websocket", "h2c"), "another protocol"],
    ["an extension", (head: string) => `${accept(head)}Sec-WebSocket-Extensions: x\r\n`, "extension"],
    ["a subprotocol", (head: string) => `${accept(head)}Sec-WebSocket-Protocol: base64\r\n`, "subprotocol"],
  ])("refuses one with %s", async (_name, render, text) => {
    const error = await failure((head, socket) => void socket.end(`${render(head)}\r\n`));
    expect(error).toMatchObject({ code: "bad-handshake", hop: "proxy-tcp" });
    expect(error.message).toContain(text);
  });

  test("does not take a far side that closes at once for reached", async () => {
    const closeWith = (code: number) => (head: string, socket: net.Socket) =>
      void socket.end(
        Buffer.concat([Buffer.from(`${accept(head)}\r\n`), Buffer.from([0x88, 2, code >> 8, code & 255])]),
      );
    expect(await failure(closeWith(1013))).toMatchObject({ code: "remote-port-refused", hop: "remote-port" });
    expect(await failure(closeWith(1011))).toMatchObject({ code: "remote-port-refused", hop: "remote-port" });
    expect(await failure(closeWith(1001), { greets: true })).toMatchObject({
      code: "closed-at-once",
      hop: "remote-port",
    });
  });

  test.each([
    [true, "ssh-banner", "no-greeting"],
    [false, "remote-port", "remote-port-timeout"],
  ])("gives up on a far side that stays mute (greets: %p)", async (greets, hop, code) => {
    const error = await withServer(
      (head, socket) => void socket.write(`${accept(head)}\r\n`),
      (port) => dialTo(port, { greets }, 200).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ hop, code });
  });
});

describe("dial() and a refusal", () => {
  const html = "<html><head><title>Sign in\u0007 now</title></head></html>";
  test.each([
    [
      problem(401, "auth-failed", "Credential/signature mismatch."),
      AuthError,
      "proxy-login",
      "Credential/signature mismatch",
    ],
    ["HTTP/1.1 403 Forbidden\r\n\r\nno", AuthError, "proxy-login", "refused the login (403)"],
    [problem(404, "object-not-found", "No such session."), NotFoundError, "run-state", "The session is gone"],
    [problem(404, "object-not-found", "No such app service."), NotFoundError, "remote-port", "does not offer the app"],
    [
      `HTTP/1.1 404 Not Found\r\nContent-Length: ${html.length}\r\n\r\n${html}`,
      NotFoundError,
      "proxy-tcp",
      '"Sign in now"',
    ],
    ["HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n", UnreachableError, "proxy-login", "too many requests"],
    [
      problem(500, "app-service-start-failed", "Failed.", ',"data":"no space"'),
      UnreachableError,
      "remote-port",
      "no space",
    ],
    ["HTTP/1.1 502 Bad Gateway\r\n\r\n", UnreachableError, "proxy-tcp", "(502)"],
    [
      "HTTP/1.1 302 F\r\nLocation: https://sso.invalid/x?token=abc\r\n\r\n",
      UnreachableError,
      "proxy-tcp",
      '"https://sso.invalid"',
    ],
    [
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${html.length.toString(16)}\r\n${html}\r\n0\r\n\r\n`,
      UnreachableError,
      "proxy-tcp",
      "Sign in now",
    ],
    ["HTTP/1.1 400 Bad\r\n\r\nplain\u001b[31mtext", UnreachableError, "proxy-tcp", '"plain [31mtext"'],
    ["SSH-2.0-OpenSSH_9.2\r\n", UnreachableError, "proxy-tcp", 'does not speak HTTP: it answers "SSH-2.0-OpenSSH_9.2"'],
    ["\u0015\u0003\u0001\u0000\u0002\u0002\u0016", UnreachableError, "proxy-tcp", "wss://"],
    [`HTTP/1.1 200 OK\r\n${"X-Filler: 0123456789\r\n".repeat(2000)}`, UnreachableError, "proxy-tcp", "endless header"],
    ["", UnreachableError, "proxy-tcp", "before it answered"],
    ["HTTP/1.1 101 Swi", UnreachableError, "proxy-tcp", "in the middle of its answer"],
  ] as const)("explains %j", async (answer, kind, hop, text) => {
    const error = await failure(answer);
    expect(error).toBeInstanceOf(kind);
    expect(error.hop).toBe(hop);
    expect(error.message + error.hint).toContain(text);
    expect(error.message).not.toContain("token=abc");
    expect(error.message).not.toContain("port=22");
  });

  test("gives up on a server that does not answer", async () => {
    const error = await withServer(
      () => undefined,
      (port) => dialTo(port, {}, 200).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: "relay-mute", hop: "proxy-tcp" });
  });
});

describe("open()", () => {
  test.each(["http://x.invalid/", "wss://user:password@x.invalid/", "wss:///", "nonsense"])("refuses %s", (url) => {
    expect(() => websocket.open({ transport: "websocket", host: "h", via: { url } }, SILENT_LOG)).toThrow();
  });
});
