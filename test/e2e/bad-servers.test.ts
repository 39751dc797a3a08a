// Platforms and proxies that answer anything but what they should: one clear line, the right exit code, in bounded time,
// and nothing left. The servers are mute, slow, foreign, endless, or simply refuse.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Socket } from "node:net";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { Scratch } from "./support/scratch.ts";
import { findFreePort } from "./support/servers.ts";
import { echoOnce, serveEcho, serveLoopback } from "./support/sockets.ts";

setDefaultTimeout(90_000);

type Misbehaviour = (socket: Socket) => void;

/** Waits for the end of the request's head, then answers. */
const reply =
  (text: string, end = true): Misbehaviour =>
  (socket) => {
    let head = "";
    socket.on("data", (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      head = "";
      if (end) socket.end(text, "latin1");
      else socket.write(text, "latin1");
    });
  };

const http = (status: string, body = "", ...headers: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, "Connection: close", ...headers, "", body].join("\r\n");

/** Writes for as long as somebody reads. */
const endless =
  (start: string, more: string): Misbehaviour =>
  (socket) => {
    socket.once("data", () => {
      const write = (): void => {
        while (!socket.destroyed && socket.write(more, "latin1"));
      };
      socket.on("drain", write);
      socket.write(start, "latin1");
      write();
    });
  };

/** One byte at a time, never done. */
const slow: Misbehaviour = (socket) => {
  socket.once("data", () => {
    const timer = setInterval(() => socket.write("x"), 20);
    socket.once("close", () => clearInterval(timer));
    socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
  });
};

const mute: Misbehaviour = (socket) => {
  socket.resume();
};

const WEB_PAGE = http("200 OK", "<html><h1>Sign in</h1></html>", "Content-Type: text/html");
const OK_JSON = (body: string): string => http("200 OK", body, "Content-Type: application/json");

/** What the API does, the exit code, and what the user reads. */
const APIS: readonly (readonly [string, Misbehaviour, number, RegExp])[] = [
  ["answers with a web page", reply(WEB_PAGE), 6, /answered with a web page instead of JSON/],
  ["closes without an answer", reply(""), 6, /the connection was closed before the answer was complete/],
  ["speaks something else", reply("SSH-2.0-OpenSSH_9.2\r\n"), 6, /does not speak HTTP/],
  ["refuses the token", reply(http("401 Unauthorized")), 4, /refused the login \(401\)/],
  [
    "redirects to a login page",
    reply(http("302 Found", "", "Location: https://login.invalid/sso?a=b")),
    4,
    /redirects to "https:\/\/login\.invalid"/,
  ],
  ["redirects to itself", reply(http("302 Found", "", "Location: /again")), 6, /redirects to .* instead of answering/],
  ["is behind a gateway that fails", reply(http("502 Bad Gateway", "<html>")), 6, /502/],
  ["answers with half a document", reply('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"st'), 6, /closed before/],
  ["answers with JSON of another kind", reply(OK_JSON('{"hello": 1}')), 6, /not understood|message/],
  ["answers with no run", reply(OK_JSON('{"status":"OK"}')), 6, /not understood \(no run\)/],
  ["never ends its headers", endless("HTTP/1.1 200 OK\r\n", `X-More: ${"y".repeat(1000)}\r\n`), 6, /HTTP/],
  [
    "never ends its answer",
    endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", " ".repeat(65_536)),
    6,
    /more than 4 MiB/,
  ],
];

/** What the proxy does, the exit code, and what the user reads. */
const PROXIES: readonly (readonly [string, Misbehaviour, number, RegExp])[] = [
  ["closes without an answer", reply(""), 6, /closed the connection instead of answering/],
  ["speaks something else", reply("SSH-2.0-OpenSSH_9.2\r\n"), 6, /is no HTTP proxy: "SSH-2\.0-OpenSSH_9\.2"/],
  ["speaks TLS", reply("\x15\x03\x01\x00\x02\x02\x46"), 6, /answers in TLS\nhint: .*https:\/\//],
  ["is an ordinary web server", reply(http("405 Method Not Allowed")), 6, /does not open a tunnel.*405/],
  ["redirects", reply(http("302 Found", "", "Location: /login")), 6, /does not open a tunnel.*302/],
  ["asks for a login", reply(http("407 Proxy Authentication Required")), 4, /asks for credentials/],
  ["forbids the host", reply(http("403 Forbidden")), 4, /forbids a connection to 127\.0\.0\.1:22/],
  ["never ends its headers", endless("HTTP/1.1 200 OK\r\n", `X-More: ${"y".repeat(1000)}\r\n`), 6, /does not end/],
  ["is mute", mute, 6, /did not answer within 500 ms/],
  ["is slow", slow, 6, /did not answer within 500 ms/],
];

describe.skipIf(process.platform !== "linux")("bad servers", () => {
  test.each(APIS)("an API that %s", async (_what, misbehave, exitCode, message) => {
    await using server = await serveLoopback(misbehave);
    await using user = await Scratch.create({
      API: `http://127.0.0.1:${server.port}/pipeline/restapi`,
      API_TOKEN: "header.secret-of-the-token.signature",
    });
    await expectFailure(user, ["start", "1001", "-lp", "0", "-rp", "22", "-r", "2"], exitCode, message);
  });

  test("an API that is mute, or never done, is given up after its time", async () => {
    await Promise.all(
      [mute, slow].map(async (misbehave) => {
        await using server = await serveLoopback(misbehave);
        await using user = await Scratch.create({
          API: `http://127.0.0.1:${server.port}/pipeline/restapi`,
          API_TOKEN: "a.b.c",
        });
        const words = ["start", "1001", "-lp", "0", "-rp", "22", "-r", "1"];
        await expectFailure(user, words, 6, /API at .* did not answer within \d+ ms/);
      }),
    );
  });

  test.each(PROXIES)("a proxy that %s", async (_what, misbehave, exitCode, message) => {
    await using server = await serveLoopback(misbehave);
    await using user = await Scratch.create({ RUNTUNNEL_PROXY: `http://127.0.0.1:${server.port}` });
    await expectFailure(
      user,
      ["start", "127.0.0.1", "-lp", "0", "-rp", "22", "-r", "2", "-ct", "500ms"],
      exitCode,
      message,
    );
  });

  test("a proxy and an API that nobody listens for are told apart", async () => {
    await using user = await Scratch.create();
    const closed = await findFreePort();
    await expectFailure(
      user,
      ["start", "127.0.0.1", "-lp", "0", "-rp", "22", "-r", "2", "--proxy", `http://127.0.0.1:${closed}`],
      6,
      new RegExp(`proxy.* 127\\.0\\.0\\.1:${closed}: connection refused`),
    );
    user.env["API"] = `http://127.0.0.1:${closed}/pipeline/restapi`;
    user.env["API_TOKEN"] = "a.b.c";
    await expectFailure(
      user,
      ["start", "1001", "-lp", "0", "-rp", "22", "-r", "2"],
      6,
      /API at .*: connection refused/,
    );
  });

  test("start gives up at its own timeout, says what it waited for, and leaves nothing", async () => {
    await using server = await serveLoopback(mute);
    await using user = await Scratch.create({
      API: `http://127.0.0.1:${server.port}/pipeline/restapi`,
      API_TOKEN: "a.b.c",
    });
    const result = await user.run(["start", "1001", "-lp", "0", "-rp", "22", "-t", "900"]);
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toContain("hint: --timeout 900 means 900 milliseconds; write 900s for seconds\n");
    expect(result.stderr).toContain(
      "error: The tunnel was not up within 900ms; it was still asking the platform for the run\n",
    );
    await user.expectNothingLeft();
  });

  test.each([
    ["1002", 4, /is sensitive/],
    ["1003", 6, /is not initialised/],
    ["1004", 6, /is paused/],
    ["1007", 6, /./],
    ["1013", 5, /has ended: it was stopped/],
    ["4711", 5, /There is no run 4711/],
  ])("a run that cannot be used: %s", async (run, exitCode, message) => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await expectFailure(user, ["start", run, "-lp", "0", "-rp", "22", "-r", "2"], exitCode, message);
  });

  test("a token that the API takes and EDGE refuses is a login at the proxy", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await sandbox.control(["edge", "status", "401"]);
    await expectFailure(user, ["start", "1001", "-lp", "0", "-rp", "22", "-r", "2"], 4, /refuses the token/);
  });

  test.each(["mute", "close", "reset", "garbage", "endless", "status 502", "status 500"])(
    "a running tunnel survives an EDGE that is %s for a while",
    async (fault) => {
      await using sandbox = await openSandbox();
      await using user = await Scratch.create(sandbox.environment);
      const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "7", "-ct", "500ms"]);
      expect(await echoOnce(tunnel.port, "before")).toBe("before");
      await sandbox.control(["edge", ...fault.split(" ")]);
      const held = echoOnce(tunnel.port, "held the line").catch(() => "closed");
      await eventually(async () => expect((await user.list())[0]?.state).not.toBe("healthy"));
      await sandbox.control(["edge", "none"]);
      // The client that came meanwhile was either held until the way was free again, or closed without a foreign byte.
      expect(["held the line", "closed"]).toContain(await held);
      expect(await echoOnce(tunnel.port, "after")).toBe("after");
      await user.run(["stop", "--force"]);
      await user.expectNothingLeft();
    },
  );

  test("an answering port that is no SSH server is told apart from a dead one", async () => {
    await using web = await serveLoopback(reply(http("400 Bad Request")));
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const started = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", String(web.port), "--wait-for", "remote"]);
    expect(started.exitCode).toBe(0);
    const other = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", String(server.port)]);
    expect(await echoOnce(other.port, "x")).toBe("x");
    await user.run(["stop", "--force"]);
    await user.expectNothingLeft();
  });
});

/** One error with its hint, no secret, no stack, nothing left. */
async function expectFailure(
  user: Scratch,
  words: readonly string[],
  exitCode: number,
  message: RegExp,
): Promise<void> {
  const result = await user.run(words);
  expect(result.exitCode, result.stderr).toBe(exitCode);
  expect(result.stdout).toBe("");
  expect(result.stderr).toMatch(message);
  expect(result.stderr).toMatch(/^error: [^\n]{10,300}\nhint: [^\n]{10,300}\n$/);
  expect(result.stderr).not.toContain("secret-of-the-token");
  await user.expectNothingLeft();
}
