// The double itself, judged by its documentation: raw requests, signatures made here by hand.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, createPrivateKey } from "node:crypto";
import net from "node:net";
import { type BackendAiSandbox, startBackendAiSandbox } from "../../../src/sandbox/backend-ai/backend-ai-sandbox.ts";
import { echo, startServer, type TestServer } from "../../support/echo-server.ts";
import { eventually } from "../../support/eventually.ts";
import { canCountSockets, countOpenSockets } from "../../support/open-sockets.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("the embedded Backend.AI", () => {
  let sandbox: BackendAiSandbox;
  let far: TestServer;
  beforeAll(async () => {
    far = await startServer(echo);
    sandbox = await startBackendAiSandbox({ target: () => ({ host: "127.0.0.1", port: far.port }) });
  });
  afterAll(async () => {
    await sandbox.close();
    await far.close();
  });

  /** Sends bytes and reads the answer up to the end of the connection. */
  function exchange(port: string, text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = net.connect(Number(port), "127.0.0.1", () => socket.write(text));
      socket.on("data", (chunk) => {
        answer += chunk.toString("latin1");
      });
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  }

  type Signing = {
    readonly date?: string;
    readonly dateHeader?: string;
    readonly version?: string;
    readonly contentType?: string | undefined;
    readonly signedType?: string;
    readonly signedTarget?: string;
    readonly scheme?: string;
    readonly method?: string;
  };

  /** A signed request with an unusual target, as text. */
  async function signed(
    target: string,
    options: Signing = {},
  ): Promise<{ status: number; body: string; text: string }> {
    const { host, port } = new URL(sandbox.managerUrl);
    const { BACKEND_ACCESS_KEY = "", BACKEND_SECRET_KEY = "" } = sandbox.environment;
    const { method = "GET", scheme = "BackendAI", dateHeader = "Date", version = "v9.20250722" } = options;
    const date = options.date ?? new Date().toISOString().replace("Z", "000+00:00");
    const type = options.signedType ?? options.contentType?.split(";")[0] ?? "application/octet-stream";
    const text = [
      method,
      options.signedTarget ?? target,
      date,
      `host:${host}`,
      `content-type:${type}`,
      `x-backendai-version:${version}`,
      EMPTY,
    ].join("\n");
    const day = createHmac("sha256", BACKEND_SECRET_KEY).update(date.slice(0, 10).replaceAll("-", "")).digest();
    const key = createHmac("sha256", day).update(host).digest();
    const signature = createHmac("sha256", key).update(text).digest("hex");
    const answer = await exchange(
      port,
      [
        `${method} ${target} HTTP/1.1`,
        `Host: ${host}`,
        `${dateHeader}: ${date}`,
        `Authorization: ${scheme} signMethod=HMAC-SHA256, credential=${BACKEND_ACCESS_KEY}:${signature}`,
        `X-BackendAI-Version: ${version}`,
        ...(options.contentType === undefined ? [] : [`Content-Type: ${options.contentType}`]),
        "Connection: close",
        "",
        "",
      ].join("\r\n"),
    );
    const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
    return { status: Number(head.split(" ")[1]), body, text: answer };
  }

  test("tells its version to anybody", async () => {
    const answer = await fetch(`${sandbox.managerUrl}/`);
    expect(await answer.json()).toEqual({ version: "v9.20250722", manager: "26.8.1" });
    const web = await fetch(`${sandbox.webUrl}/func/`);
    expect(await web.json()).toEqual({ version: "v9.20250722", manager: "26.8.1" });
  });

  test("takes signatures over the raw target, with either date header, scheme and no content type", async () => {
    const odd = "/session/_/match?id=d%65mo&x=%2F+y";
    expect((await signed(odd)).body).toContain('"demo"');
    expect((await signed(odd, { dateHeader: "X-BackendAI-Date", date: new Date().toISOString() })).status).toBe(200);
    expect((await signed(odd, { scheme: "Sorna" })).status).toBe(200);
    expect((await signed(odd, { contentType: "text/plain; charset=utf-8" })).status).toBe(200);
    expect((await signed(odd, { date: new Date().toISOString().replace("Z", "") })).status).toBe(200);
  });

  test.each([
    ["a signature over another target", { signedTarget: "/session/_/match?id=demo&x=/+y" }, 401, "auth-failed"],
    ["a signature over another content type", { signedType: "text/plain" }, 401, "auth-failed"],
    ["an old date", { date: new Date(Date.now() - 15 * 60_000).toISOString() }, 400, "Date/time sync error"],
    ["no date", { dateHeader: "X-Other", date: "x" }, 400, "Date/time sync error"],
    ["another scheme", { scheme: "Bearer" }, 400, "invalid-auth-params"],
    ["an unknown version", { version: "v9.20990101" }, 400, "Unsupported API version."],
  ] as const)("refuses %s", async (_name, options, status, text) => {
    const answer = await signed("/session/_/match?id=demo&x=%2F+y", options);
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(text);
    expect(answer.text.toLowerCase()).toContain("content-type: application/problem+json");
  });

  test("refuses who does not sign at all", async () => {
    const answer = await fetch(`${sandbox.managerUrl}/session/_/match?id=demo`);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ title: "Credential/signature mismatch.", msg: "Unauthorized access" });
  });

  test("answers by name and id, and tells ambiguous and unknown ones apart", async () => {
    const { id } = sandbox.sessions.get("demo");
    expect((await signed(`/stream/session/${id}/apps`)).body).toContain(
      '{"name":"sshd","protocol":"tcp","ports":[2200]}',
    );
    expect((await signed("/stream/session/twin/apps")).body).toContain("too-many-sessions-matched");
    expect((await signed("/session/nobody")).body).toContain('"title":"No such session."');
    expect((await signed("/session/ended")).status).toBe(404);
    expect((await signed("/session/_/match?id=ended")).body).toContain('"status":"TERMINATED"');
  });

  test.each([
    ["/stream/session/demo/tcpproxy?app=vnc", 404, "No such app service."],
    ["/stream/session/demo/tcpproxy?app=sshd&port=80", 400, "does not open the port number 80"],
    ["/stream/session/nobody/tcpproxy?app=sshd", 404, "No such session."],
  ])("refuses the upgrade of %s before the 101", async (target, status, text) => {
    const { host, port } = new URL(sandbox.managerUrl);
    const { BACKEND_ACCESS_KEY = "", BACKEND_SECRET_KEY = "" } = sandbox.environment;
    const date = new Date().toISOString();
    const version = "v8.20240315";
    const signedText = `GET\n${target}\n${date}\nhost:${host}\ncontent-type:application/octet-stream\nx-backendai-version:${version}\n${EMPTY}`;
    const day = createHmac("sha256", BACKEND_SECRET_KEY).update(date.slice(0, 10).replaceAll("-", "")).digest();
    const signature = createHmac("sha256", createHmac("sha256", day).update(host).digest())
      .update(signedText)
      .digest("hex");
    const answer = await exchange(
      port,
      [
        `GET ${target} HTTP/1.1`,
        `Host: ${host}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        `X-BackendAI-Date: ${date}`,
        `X-BackendAI-Version: ${version}`,
        `Authorization: BackendAI signMethod=HMAC-SHA256, credential=${BACKEND_ACCESS_KEY}:${signature}`,
        "",
        "",
      ].join("\r\n"),
    );
    expect(answer).toStartWith(`HTTP/1.1 ${status} `);
    expect(answer).toContain(text);
  });

  test("hands out RSA keys in PKCS#1, whose public half it tells", async () => {
    const line = await sandbox.authorizedKey();
    expect(line).toMatch(/^ssh-rsa AAAAB3NzaC1yc2E\S+ work@sandbox$/);
    sandbox.setRelease("22.09.22");
    const answer = await signed("/session/demo/download_single?file=id_container", { version: "v6.20220615" });
    expect(answer.body).toStartWith("-----BEGIN RSA PRIVATE KEY-----\n");
    expect(createPrivateKey(answer.body).asymmetricKeyDetails?.modulusLength).toBe(2048);
    const none = await signed("/session/no-key/download_single?file=id_container", { version: "v6.20220615" });
    expect(none.status).toBe(400);
    sandbox.setRelease("26.8.1");
    expect((await signed("/session/demo/download_single?file=id_container")).status).toBe(405);
  });
});

test.skipIf(!canCountSockets)("close() leaves no socket behind", async () => {
  const before = countOpenSockets();
  const sandbox = await startBackendAiSandbox({ target: () => undefined });
  expect(countOpenSockets()).toBeGreaterThan(before);
  await sandbox.close();
  await sandbox.close();
  await eventually(() => expect(countOpenSockets()).toBeLessThanOrEqual(before));
});
