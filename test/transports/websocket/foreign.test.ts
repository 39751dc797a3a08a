// Counterparts that nobody here wrote: the real `ws` under Node, and TLS.
import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import type { Via } from "../../../src/domain/route.ts";
import { websocket } from "../../../src/transports/websocket/websocket.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { requirePeer } from "../../support/peers.ts";

const PROJECT = join(import.meta.dir, "../../..");
const TLS_FOLDER = join(import.meta.dir, "../../platforms/fixtures/tls");

/** Echoes everything in two fragments with a ping between, and closes as the path says. */
const SERVER = `
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => console.log(server.address().port));
server.on("connection", (ws, request) => {
  ws.on("message", (data, isBinary) => {
    if (data.toString() === "close") return ws.close(Number(request.url.slice(1)), "as asked");
    const half = data.length >> 1;
    ws.send(data.subarray(0, half), { binary: isBinary, fin: false });
    ws.ping("between");
    ws.send(data.subarray(half), { binary: isBinary, fin: true });
  });
});`;

async function withNode<T>(work: (port: number) => Promise<T>): Promise<T> {
  const child = Bun.spawn(["node", "-e", SERVER], { cwd: PROJECT, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  try {
    const { value } = await child.stdout.getReader().read();
    return await work(Number(new TextDecoder().decode(value)));
  } finally {
    child.kill();
    await child.exited;
  }
}

function dial(url: string, via: Partial<Via> = {}) {
  const dialer = websocket.open({ transport: "websocket", host: "127.0.0.1", via: { url, ...via } }, SILENT_LOG);
  return dialer.dial(22, { signal: new AbortController().signal, timeoutMs: 10_000 });
}

describe.skipIf(!requirePeer("node"))("dial() to the ws package under Node", () => {
  test("carries bytes both ways, fragmented and unchanged", async () => {
    await withNode(async (port) => {
      const reader = new StreamReader(await dial(`ws://127.0.0.1:${port}/1000`));
      const sent = randomBytes(5 * 1024 * 1024 + 3);
      await reader.write(sent);
      expect(sha256(await reader.atLeast(sent.length))).toBe(sha256(sent));
    });
  });

  test.each([
    [1000, undefined],
    [1013, "remote-port-refused"],
    [4321, "closed-by-relay"],
  ])("understands its close with %d", async (code, expected) => {
    await withNode(async (port) => {
      const reader = new StreamReader(await dial(`ws://127.0.0.1:${port}/${code}`));
      await reader.write(Buffer.from("close"));
      const error = await reader.toClose();
      expect(error === undefined ? undefined : Reflect.get(error, "code")).toBe(expected);
    });
  });
});

describe("dial() over TLS", () => {
  const authority = readFileSync(join(TLS_FOLDER, "authority.pem"), "utf8");

  async function withTls<T>(name: string, work: (url: string) => Promise<T>): Promise<T> {
    const server = createServer({
      key: readFileSync(join(TLS_FOLDER, `${name}.key`)),
      cert: readFileSync(join(TLS_FOLDER, `${name}.pem`)),
    });
    const webSockets = new WebSocketServer({ server });
    webSockets.on("connection", (ws) => ws.on("message", (data) => ws.send(data)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    try {
      return await work(`wss://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`);
    } finally {
      for (const ws of webSockets.clients) ws.terminate();
      server.closeAllConnections();
      server.close();
    }
  }

  test("trusts the authority it is given and carries bytes", async () => {
    await withTls("good", async (url) => {
      const stream = await dial(url, { tls: { verify: true, certificateAuthority: authority } });
      const reader = new StreamReader(stream);
      const sent = randomBytes(1024 * 1024);
      await reader.write(sent);
      expect(sha256(await reader.atLeast(sent.length))).toBe(sha256(sent));
      stream.destroy();
    });
  });

  test.each(["good", "expired", "wrong"])("refuses the certificate %s it cannot trust", async (name) => {
    await withTls(name, async (url) => {
      const tls = name === "good" ? { verify: true } : { verify: true, certificateAuthority: authority };
      const error: unknown = await dial(url, { tls }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ hop: "tls" });
    });
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
