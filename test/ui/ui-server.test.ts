// The page's server, asked by raw requests: who is answered, what everybody sees, and what only a session may have.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startUiServer } from "../../src/tunnel/ui/ui-server.ts";
import { KEY_HEADER } from "../../src/ui/api.ts";
import { serveLoopback } from "../e2e/support/sockets.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, type TestContext } from "../tunnel/tunnel-world.ts";
import { ask, serveUi } from "./ui-world.ts";

const CALLS: readonly (readonly [string, string])[] = [
  ["GET", "/api/state"],
  ["GET", "/api/runs"],
  ["POST", "/api/tunnels"],
  ["POST", "/api/tunnels/56819-0a1b2c3d/stop"],
  ["POST", "/api/tunnels/56819-0a1b2c3d/check"],
  ["GET", "/api/tunnels/56819-0a1b2c3d/connection"],
  ["GET", "/api/tunnels/56819-0a1b2c3d/key?format=openssh"],
  ["GET", "/api/tunnels/56819-0a1b2c3d/filezilla"],
  ["GET", "/api/tunnels/56819-0a1b2c3d/log"],
  ["GET", "/api/nothing"],
];

function makeContext(home: string): TestContext {
  return makeAppContext({ home, processes: new FakeProcesses(makeIdentity(101)) });
}

describe("the page's server", () => {
  test("gives everybody the page, which holds nothing, with every header that keeps others out", async () => {
    await using home = await tempHome();
    await using server = await serveUi(makeContext(home.path));
    const page = await ask(server.port, "GET", "/");
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    const files = [...page.body.matchAll(/(?:src|href)="\.?(\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(files.map((path) => path.replace(/.*\./, "")).sort()).toEqual(["css", "js", "svg"]);
    expect(page.body).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
    for (const path of ["/", ...files, "/api/state", "/nothing", "/../package.json"]) {
      const answer = await ask(server.port, "GET", path);
      expect(answer.headers.get("content-security-policy"), path).toContain("default-src 'none'; script-src 'self'");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("x-frame-options")).toBe("DENY");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      expect(answer.status).toBe(
        ["/nothing", "/../package.json"].includes(path) ? 404 : path === "/api/state" ? 401 : 200,
      );
    }
  });

  test("answers nothing without a session, whatever is asked", async () => {
    await using home = await tempHome();
    const context = makeContext(home.path);
    await context.registry.write(makeRecord({ process: makeIdentity(999) }));
    await using server = await serveUi(context);
    const session = await server.letIn();
    const { cookie = "" } = session;
    const other = await server.letIn();
    for (const headers of [
      {},
      { cookie },
      { [KEY_HEADER]: session[KEY_HEADER] ?? "" },
      { cookie, [KEY_HEADER]: other[KEY_HEADER] ?? "" },
      { cookie: `${cookie}x`, [KEY_HEADER]: session[KEY_HEADER] ?? "" },
    ]) {
      for (const [method, path] of CALLS) {
        const answer = await ask(server.port, method, path, headers, method === "POST" ? {} : undefined);
        expect([answer.status, JSON.parse(answer.body).error.code], path).toEqual([401, "no-session"]);
      }
    }
    expect((await ask(server.port, "GET", "/api/state", session)).status).toBe(200);
    expect(server.bugs).toEqual([]);
  });

  test("exchanges the token once, for a cookie that scripts and other sites do not get", async () => {
    await using home = await tempHome();
    await using server = await serveUi(makeContext(home.path));
    const token = server.sessions.issueToken();
    for (const body of [{ token: "x" }, {}, { token: 1 }, "no JSON", [], null]) {
      expect((await ask(server.port, "POST", "/api/session", {}, body)).status).toBe(401);
    }
    const answer = await ask(server.port, "POST", "/api/session", {}, { token });
    expect(answer.headers.get("set-cookie")).toMatch(
      new RegExp(`^runtunnel-ui-${server.port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`),
    );
    expect((await ask(server.port, "POST", "/api/session", {}, { token })).status).toBe(401);
  });

  test("refuses other names, other pages and other ways, also with a session", async () => {
    await using home = await tempHome();
    await using server = await serveUi(makeContext(home.path));
    const { port } = server;
    const session = await server.letIn();
    const stop = "/api/tunnels/56819-0a1b2c3d/stop";
    const status = async (method: string, path: string, headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask(port, method, path, { ...session, ...headers }, method === "POST" ? { force: false } : undefined))
        .status;
    expect(await status("GET", "/api/state", { host: `evil.example:${port}` })).toBe(421);
    expect(await status("GET", "/", { host: "127.0.0.1" })).toBe(421);
    expect(await status("POST", stop, { origin: "http://127.0.0.1:1" })).toBe(403);
    expect(await status("POST", stop, { origin: "" })).toBe(403);
    expect(await status("GET", "/api/state", { "sec-fetch-site": "same-site" })).toBe(403);
    expect(await status("POST", stop, { "content-type": "text/plain" })).toBe(415);
    expect(await status("DELETE", stop, {})).toBe(405);
    expect(await status("POST", stop, {})).toBe(404);
    const huge = await ask(port, "POST", "/api/session", {}, { token: "x".repeat(100_000) });
    expect(huge.status).toBe(413);
  });

  test("tells how tunnels are, without their secrets, and gives files to a session", async () => {
    await using home = await tempHome();
    const context = makeContext(home.path);
    await using server = await serveUi(context);
    const logFile = join(home.path, "tunnel.log");
    await Bun.write(logFile, "one\ntwo\n");
    await context.registry.write(
      makeRecord({ process: makeIdentity(999), control: { port: 1, token: "s3cr3t" }, logFile }),
    );
    const session = await server.letIn();
    const get = (path: string) => ask(server.port, "GET", path, session);
    const state = await get("/api/state?since=0");
    expect(state.body).not.toContain("s3cr3t");
    expect(JSON.parse(state.body)).toMatchObject({
      version: "runtunnel 0.0.0 (test)",
      platforms: [{ name: "test", title: "Test Platform", isConfigured: true }],
      tunnels: [
        {
          id: "56819-0a1b2c3d",
          name: "pipeline-56819",
          state: "dead",
          isMine: true,
          hasSsh: true,
          ports: [{ local: 4567, remote: 22 }],
          trouble: { message: "Its process has died", hint: "Stop cleans up what it left" },
        },
      ],
    });
    expect(JSON.parse((await get("/api/tunnels/56819-0a1b2c3d/log")).body)).toEqual({
      path: logFile,
      text: "one\ntwo\n",
    });
    expect((await get("/api/tunnels/56819-0a1b2c3d/connection")).status).toBe(404);
    expect((await get("/api/tunnels/nobody/log")).status).toBe(404);
    expect((await get("/api/tunnels/56819-0a1b2c3d/key?format=der")).status).toBe(400);
    expect((await get("/api/tunnels/56819-0a1b2c3d/log/more")).status).toBe(404);
    const bad = await ask(server.port, "POST", "/api/tunnels", session, { run: 1 });
    expect([bad.status, JSON.parse(bad.body).error.code]).toEqual([400, "usage"]);
    const stopped = await ask(server.port, "POST", "/api/tunnels/56819-0a1b2c3d/stop", session, { force: false });
    expect(JSON.parse(stopped.body)).toEqual({ how: "cleaned" });
    expect(await context.registry.list()).toEqual({ records: [], damaged: [] });
    expect(server.bugs).toEqual([]);
  });

  test("names a port that is taken", async () => {
    await using home = await tempHome();
    await using holder = await serveLoopback((socket) => socket.destroy());
    await using server = await serveUi(makeContext(home.path));
    const again = () =>
      startUiServer({
        port: holder.port,
        pages: new Map(),
        sessions: server.sessions,
        // Never asked: the server does not come to be.
        actions: undefined as never,
        onBug: () => undefined,
      });
    expect(again).toThrow(`Cannot serve the page on 127.0.0.1:${holder.port}: the port is taken`);
  });
});
