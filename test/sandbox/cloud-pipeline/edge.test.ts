// EDGE on the wire, byte for byte where bytes are documented.
import { expect, test } from "bun:test";
import net from "node:net";
import { ESTABLISHED } from "../../../src/sandbox/cloud-pipeline/edge-replies.ts";
import { connectEdge, connectRequest, openSandbox, RawSocket } from "../sandbox-fixture.ts";

const ECHO = "10.244.1.2:7";

function page(title: string): string {
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
    "<hr><center>openresty/1.15.8.1</center>\r\n</body>\r\n</html>\r\n"
  );
}

function refusal(title: string): RegExp {
  const body = page(title);
  const head = `HTTP/1.1 ${title}\r\nServer: openresty/1.15.8.1\r\nDate: DATE\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  const escaped = (head + body).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace("DATE", "\\w{3}, \\d{2} \\w{3} \\d{4} \\d{2}:\\d{2}:\\d{2} GMT")}$`);
}

test("Edge answers a CONNECT with exactly nginx's 200 and joins the connections", async () => {
  await using sandbox = await openSandbox();
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  expect(await client.receive((text) => text.length >= ESTABLISHED.length)).toBe(
    "HTTP/1.1 200 Connection Established\r\nProxy-agent: nginx\r\n\r\n",
  );
  client.write("hello");
  expect(await client.receive((text) => text.endsWith("hello"))).toBe(`${ESTABLISHED}hello`);
});

test("Edge passes on bytes that came with the request", async () => {
  await using sandbox = await openSandbox();
  using client = connectEdge(sandbox);
  client.write(`${connectRequest(ECHO, sandbox.token)}early`);
  expect(await client.receive((text) => text.endsWith("early"))).toBe(`${ESTABLISHED}early`);
});

test.each([
  ["no port", (token: string) => connectRequest("10.244.1.2", token), "400 Bad Request"],
  ["HTTP/1.1 without Host", () => "CONNECT 10.244.1.2:22 HTTP/1.1\r\n\r\n", "400 Bad Request"],
  ["garbage", () => "SSH-2.0-OpenSSH_9.2\r\n", "400 Bad Request"],
  ["a head without end", () => `CONNECT a:1 HTTP/1.0\r\nX: ${"x".repeat(40_000)}`, "400 Bad Request"],
  ["another method", () => "GET / HTTP/1.0\r\n\r\n", "404 Not Found"],
  ["a bad token", () => connectRequest(ECHO, "bad"), "401 Unauthorized"],
  ["another's run", (token: string) => connectRequest("10.244.1.16:22", token), "401 Unauthorized"],
  [
    "credentials without a colon",
    () => "CONNECT a:1 HTTP/1.0\r\nProxy-Authorization: Basic QUFB\r\n\r\n",
    "500 Internal Server Error",
  ],
  ["a port that refuses", (token: string) => connectRequest("10.244.1.2:5900", token), "502 Bad Gateway"],
  ["a run whose machine is away", (token: string) => connectRequest("10.244.1.5:22", token), "401 Unauthorized"],
])("Edge refuses %s", async (_what, request, title) => {
  await using sandbox = await openSandbox();
  using client = connectEdge(sandbox);
  client.write(request(sandbox.token));
  expect(await client.receiveAll()).toMatch(refusal(title));
});

test("Edge asks for credentials with a 407 that has no reason and no page", async () => {
  await using sandbox = await openSandbox();
  using client = connectEdge(sandbox);
  client.write(`CONNECT ${ECHO} HTTP/1.0\r\n\r\n`);
  expect(await client.receiveAll()).toMatch(
    /^HTTP\/1\.1 407 \r\nServer: openresty\/1\.15\.8\.1\r\nDate: [^\r]+\r\nContent-Length: 0\r\nConnection: close\r\nProxy-Authenticate: Basic realm="Cloud Pipeline EDGE"\r\n\r\n$/,
  );
});

test("Edge lets everybody through where authentication is off, but nobody off this machine", async () => {
  await using sandbox = await openSandbox({ edgeAuthentication: false });
  using inside = connectEdge(sandbox);
  inside.write(`CONNECT ${ECHO} HTTP/1.0\r\n\r\n`);
  expect(await inside.receive((text) => text.length >= ESTABLISHED.length)).toBe(ESTABLISHED);
  for (const target of ["192.0.2.1:22", "no.such.invalid:22", "10.244.1.5:22"]) {
    using outside = connectEdge(sandbox);
    outside.write(`CONNECT ${target} HTTP/1.0\r\n\r\n`);
    expect(await outside.receiveAll()).toMatch(refusal("502 Bad Gateway"));
  }
});

test("Edge reaches hosts on loopback", async () => {
  await using sandbox = await openSandbox();
  using server = new ListeningServer((socket) => socket.end("hi"));
  using client = connectEdge(sandbox);
  client.write(connectRequest(`127.0.0.1:${await server.port}`, sandbox.token));
  expect(await client.receiveAll()).toBe(`${ESTABLISHED}hi`);
});

test("Edge sends the first bytes of a target that talks first in one piece with the 200", async () => {
  await using sandbox = await openSandbox();
  // The first client waits for host keys to be made.
  using first = connectEdge(sandbox);
  first.write(connectRequest("10.244.1.2:22", sandbox.token));
  await first.receive((text) => text.includes("SSH-2.0-"));
  using client = connectEdge(sandbox);
  client.write(connectRequest("10.244.1.2:22", sandbox.token));
  await client.receive((text) => text.includes("SSH-2.0-"));
  expect(client.chunks[0]?.toString()).toStartWith(`${ESTABLISHED}SSH-2.0-OpenSSH`);
});

test("Edge closes both ways when the client ends its half, and an answer is lost", async () => {
  await using sandbox = await openSandbox();
  const seen: string[] = [];
  using server = new ListeningServer((socket) => {
    socket.on("data", (data: Buffer) => seen.push(data.toString()));
    socket.once("end", () => setTimeout(() => socket.end("too late"), 50));
  });
  using client = connectEdge(sandbox);
  client.write(connectRequest(`127.0.0.1:${await server.port}`, sandbox.token));
  await client.receive((text) => text.length >= ESTABLISHED.length);
  client.write("question");
  client.socket.end();
  expect(await client.receiveAll()).toBe(ESTABLISHED);
  expect(seen.join("")).toBe("question");
});

test("Edge drains what the target sent before it closes", async () => {
  await using sandbox = await openSandbox();
  const size = 5_000_000;
  using server = new ListeningServer((socket) => socket.end(Buffer.alloc(size, "x")));
  using client = connectEdge(sandbox);
  client.write(connectRequest(`127.0.0.1:${await server.port}`, sandbox.token));
  expect((await client.receiveAll()).length).toBe(ESTABLISHED.length + size);
});

test("Edge cuts a connection that fell silent, but not one on which the client never spoke", async () => {
  await using sandbox = await openSandbox({ edgeIdleCutMs: 60 });
  using server = new ListeningServer((socket) => {
    socket.write("hi");
    socket.pipe(socket);
  });
  using silent = connectEdge(sandbox);
  silent.write(connectRequest(`127.0.0.1:${await server.port}`, sandbox.token));
  await silent.receive((text) => text.endsWith("hi"));
  using spoken = connectEdge(sandbox);
  spoken.write(`${connectRequest(ECHO, sandbox.token)}x`);
  expect(await spoken.receiveAll()).toBe(`${ESTABLISHED}x`);
  silent.write("still there");
  await silent.receive((text) => text.endsWith("still there"));
});

test.each([
  ["close", ""],
  ["reset", ""],
  ["garbage", "\0\u00ff\u00fe\nSSH\r\n\r\n"],
])("Edge misbehaves on command: %s", async (fault, expected) => {
  await using sandbox = await openSandbox();
  await sandbox.control(["edge", fault]);
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  expect(await client.receiveAll()).toBe(expected);
});

test("Edge misbehaves on command: a refusal of any status", async () => {
  await using sandbox = await openSandbox();
  await sandbox.control(["edge", "status", "504"]);
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  expect(await client.receiveAll()).toMatch(refusal("504 Gateway Time-out"));
});

test("Edge misbehaves on command: a head that never ends", async () => {
  await using sandbox = await openSandbox();
  await sandbox.control(["edge", "endless"]);
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  const text = await client.receive((received) => received.length > 500_000);
  expect(text).not.toContain("\r\n\r\n");
});

test("Edge misbehaves on command: silence, and comes to its senses", async () => {
  await using sandbox = await openSandbox();
  await sandbox.control(["edge", "mute"]);
  using mute = connectEdge(sandbox);
  mute.write(connectRequest(ECHO, sandbox.token));
  // The answer to a later request of another kind shows that this one was read and left alone.
  using refused = connectEdge(sandbox);
  refused.write("GET / HTTP/1.0\r\n\r\n");
  await refused.receiveAll();
  expect(mute.text).toBe("");
  await sandbox.control(["faults", "none"]);
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  await client.receive((text) => text === ESTABLISHED);
});

test.each(["slow 1", "late 30", "glued", "apart"])(
  "Edge misbehaves on command and still gives the right bytes: %s",
  async (command) => {
    await using sandbox = await openSandbox();
    await sandbox.control(["edge", ...command.split(" ")]);
    using client = connectEdge(sandbox);
    client.write(connectRequest("10.244.1.2:22", sandbox.token));
    const text = await client.receive((received) => received.includes("SSH-2.0-OpenSSH"));
    expect(text).toStartWith(`${ESTABLISHED}SSH-2.0-OpenSSH`);
    if (command === "slow 1") expect(client.chunks.length).toBeGreaterThan(5);
  },
);

test("Edge splits its reply at every byte on command", async () => {
  await using sandbox = await openSandbox();
  for (let at = 1; at < ESTABLISHED.length; at += 1) {
    await sandbox.control(["edge", "split", String(at)]);
    using client = connectEdge(sandbox);
    client.write(connectRequest(ECHO, sandbox.token));
    expect(await client.receive((text) => text.length >= ESTABLISHED.length)).toBe(ESTABLISHED);
    expect(client.chunks[0]?.length).toBe(at);
  }
});

test("Edge goes away, drops its connections, and comes back on the same port", async () => {
  await using sandbox = await openSandbox();
  using before = connectEdge(sandbox);
  before.write(connectRequest(ECHO, sandbox.token));
  await before.receive((text) => text === ESTABLISHED);
  await sandbox.control(["edge", "down"]);
  await before.receiveAll();
  using refused = connectEdge(sandbox);
  expect(await refused.receiveAll()).toBe("");
  await sandbox.control(["edge", "up"]);
  using after = connectEdge(sandbox);
  after.write(connectRequest(ECHO, sandbox.token));
  await after.receive((text) => text === ESTABLISHED);
});

test("Edge hands TLS to a web server, also where it says https", async () => {
  await using sandbox = await openSandbox({ edgeScheme: "https" });
  expect(sandbox.edgeUrl).toStartWith("https://127.0.0.1:");
  const response = await fetch(sandbox.edgeUrl, { tls: { rejectUnauthorized: false } });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain("Cloud Pipeline");
  await expect(fetch(sandbox.edgeUrl)).rejects.toThrow();
  using client = connectEdge(sandbox);
  client.write(connectRequest(ECHO, sandbox.token));
  await client.receive((text) => text === ESTABLISHED);
});

test("Edge of the other region serves the same runs", async () => {
  await using sandbox = await openSandbox();
  const url = sandbox.platform.edgeUrl("eu-west") ?? "";
  expect(url).not.toBe(sandbox.edgeUrl);
  using client = new RawSocket(Number(new URL(url).port));
  client.write(connectRequest(ECHO, sandbox.token));
  await client.receive((text) => text === ESTABLISHED);
});

/** A server of the test's own on loopback. */
class ListeningServer implements Disposable {
  readonly port: Promise<number>;
  readonly #server: net.Server;

  constructor(serve: (socket: net.Socket) => void) {
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      serve(socket);
    });
    this.port = new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}
