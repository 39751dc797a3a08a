import { describe, expect, test } from "bun:test";
import { AuthError, NotFoundError, UnreachableError, UsageError } from "../../../src/domain/errors.ts";
import { failureOf, World } from "./fixture.ts";

const RELEASES = ["22.09.22", "24.09.14", "26.3.1", "26.4.4rc8", "26.8.1"];

describe("resolve() of a session", () => {
  test.each(RELEASES)("works with manager %s: route, port and key", async (release) => {
    await using world = await World.start({ release });
    const { id } = world.sandbox.sessions.get("demo");
    const run = await world.resolve("demo");
    expect(run).toMatchObject({
      platform: "backend-ai",
      id: "demo",
      name: "session-demo",
      incarnation: id,
      defaultRemotePort: 22,
      notes: [],
    });
    expect(run.route.transport).toBe("websocket");
    const reference = release === "26.4.4rc8" ? "demo" : id;
    expect(run.route.via?.url).toBe(
      `${world.sandbox.managerUrl.replace("http", "ws")}/stream/session/${reference}/tcpproxy?app=sshd`,
    );
    expect(run.ssh?.ready?.user).toBe("work");
    expect(run.ssh?.ready?.privateKey?.reveal()).toStartWith("-----BEGIN RSA PRIVATE KEY-----\n");
    expect(run.route.dialPort?.(22)).toBe(2200);
    expect(run.route.dialPort?.(2200)).toBe(2200);
  });

  test("finds it by id as well", async () => {
    await using world = await World.start();
    const { id } = world.sandbox.sessions.get("demo");
    expect((await world.resolve(id)).incarnation).toBe(id);
  });

  test("strips what comes before the key", async () => {
    await using world = await World.start();
    world.sandbox.faults.keyJunk = "id_container\u0000\u0000ustar";
    expect((await world.resolve("demo")).ssh?.ready?.privateKey?.reveal()).toStartWith("-----BEGIN RSA");
  });

  test("says why there is no key and what to do instead", async () => {
    await using world = await World.start();
    const run = await world.resolve("no-key");
    expect(run.ssh).toEqual({ accounts: ["work"], system: "linux" });
    expect(run.notes.join()).toContain("id_container");
    expect(run.notes.join()).toContain("/home/work/.password");
  });

  test.each([{ identityGiven: true }, { sshWanted: false }])("does not ask for the key with %p", async (options) => {
    await using world = await World.start();
    expect((await world.resolve("demo", options)).ssh?.ready).toBeUndefined();
  });

  test("gives an app with several ports a place for the port, and no SSH access", async () => {
    await using world = await World.start();
    const run = await world.resolve("demo", { app: "ports" });
    expect(run.route.via?.url).toEndWith("tcpproxy?app=ports&port={port}");
    expect(run.defaultRemotePort).toBe(9001);
    expect(run.ssh).toBeUndefined();
    expect(() => run.route.dialPort?.(22)).toThrow('App "ports" has no port 22');
  });

  test.each([
    ["ended", NotFoundError, "run-ended", 'Session "ended" has ended (TERMINATED)'],
    ["waiting", UnreachableError, "run-not-ready", "waits for free resources"],
    ["nobody", NotFoundError, "no-such-run", 'Backend.AI has no session "nobody"'],
    ["twin", UsageError, "ambiguous-run", "2 live sessions have this name"],
  ] as const)("tells of session %s in plain words", async (name, kind, code, text) => {
    await using world = await World.start();
    const error = await failureOf(world.resolve(name));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code, hop: "run-state" });
    expect(error.message).toContain(text);
  });

  test("takes the new session of a name that was used before", async () => {
    await using world = await World.start();
    const old = await world.resolve("demo");
    const { id } = world.sandbox.sessions.renew("demo");
    const renewed = await world.resolve("demo");
    expect(renewed.incarnation).toBe(id);
    expect(renewed.incarnation).not.toBe(old.incarnation);
  });

  test("names the apps there are when the one asked for is not", async () => {
    await using world = await World.start();
    const error = await failureOf(world.resolve("demo", { app: "vnc" }));
    expect(error).toMatchObject({ code: "no-such-app", hop: "remote-port" });
    expect(error.hint).toContain("sshd, ttyd, jupyter");
  });

  test("finds a session of the user's other key pair where the server lists it", async () => {
    await using world = await World.start({ release: "26.8.1" });
    expect((await world.resolve("other-key")).name).toBe("session-other-key");
  });
});

describe("resolve() and the login", () => {
  test("refuses without credentials before any call", async () => {
    await using world = await World.start();
    const error = await failureOf(world.resolve("demo", {}, { environment: { BACKEND_SECRET_KEY: "" } }));
    expect(error).toBeInstanceOf(AuthError);
    expect(error.message).toBe("The secret key for Backend.AI is not set");
  });

  test("tells of a wrong secret key without showing it", async () => {
    await using world = await World.start();
    const error = await failureOf(world.resolve("demo", {}, { environment: { BACKEND_SECRET_KEY: "very-wrong" } }));
    expect(error).toMatchObject({ code: "login-refused", hop: "api-login" });
    expect(error.hint).toContain("BACKEND_SECRET_KEY");
    expect(JSON.stringify(error) + error.message + error.hint).not.toContain("very-wrong");
  });

  test.each([-3, 3])("signs with the server's time where the clock is %d hours off, and says so", async (hours) => {
    await using world = await World.start();
    world.sandbox.faults.clockOffsetMs = hours * 3_600_000;
    const run = await world.resolve("demo");
    const where = hours > 0 ? "behind" : "ahead of";
    expect(run.notes[0]).toMatch(new RegExp(`The clock of this computer is .*${where} the server's`));
    const headers = await run.route.via?.headers?.({ method: "GET", target: "/x", host: "h" });
    const date = Date.parse(headers?.["X-BackendAI-Date"] ?? "");
    expect(Math.abs(date - Date.now() - hours * 3_600_000)).toBeLessThan(60_000);
  });

  test("names the web UI where a manager was expected", async () => {
    await using world = await World.start();
    const environment = { BACKEND_ENDPOINT: world.sandbox.webUrl };
    const error = await failureOf(world.resolve("demo", {}, { environment }));
    expect(error.message).toContain("it is not a Backend.AI manager");
    expect(error.hint).toContain("BACKEND_ENDPOINT_TYPE=session");
  });

  test("goes on to the next endpoint when one does not answer", async () => {
    await using world = await World.start();
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const dead = `http://127.0.0.1:${closed.port}`;
    closed.stop(true);
    const environment = { BACKEND_ENDPOINT: `${dead}, ${world.sandbox.managerUrl}` };
    const run = await world.resolve("demo", {}, { environment });
    expect(run.route.via?.url).toContain(new URL(world.sandbox.managerUrl).host);
    const error = await failureOf(world.resolve("demo", {}, { environment: { BACKEND_ENDPOINT: dead } }));
    expect(error).toMatchObject({ code: "connection-refused", hop: "api" });
  });
});

describe("resolve() through the web UI", () => {
  test("logs in, goes through /func, and logs in again when the login has expired", async () => {
    await using world = await World.start();
    const wishes = { environment: { ...world.sandbox.webEnvironment } };
    const run = await world.resolve("demo", {}, wishes);
    expect(run.route.via?.url).toContain(`${world.sandbox.webUrl.replace("http", "ws")}/func/stream/session/`);
    expect(run.route.via?.silence).toEqual({ afterMs: 310_000, limitMs: 60_000 });
    world.sandbox.logins.expireAll();
    expect((await world.resolve("demo", {}, wishes)).incarnation).toBe(run.incarnation);
  });

  test("tells that the second factor is asked for", async () => {
    await using world = await World.start();
    world.sandbox.logins.otp = "123456";
    const error = await failureOf(world.resolve("demo", {}, { environment: { ...world.sandbox.webEnvironment } }));
    expect(error).toMatchObject({ code: "otp-required", hop: "api-login" });
  });

  test.each(["24.09.14", "26.8.1"])("tells of a wrong password with release %s", async (release) => {
    await using world = await World.start({ release });
    const environment = { ...world.sandbox.webEnvironment, BACKEND_PASSWORD: "wrong-password" };
    const error = await failureOf(world.resolve("demo", {}, { environment }));
    expect(error).toBeInstanceOf(AuthError);
    expect(error.message).toContain("User credential mismatch.");
  });
});

describe("resolve() on other ways", () => {
  test("asks manager, coordinator and worker for a port of the app proxy", async () => {
    await using world = await World.start();
    const run = await world.resolve("demo", {}, { settings: { "backend-ai.via": "app-proxy" } });
    expect(run.route).toMatchObject({ transport: "direct", host: "127.0.0.1" });
    const port = run.route.dialPort?.(22) ?? 0;
    expect(port).toBeGreaterThan(1024);
    expect(run.route.dialPort?.(port)).toBe(port);
    expect(run.notes.join()).toContain("asks for no login");
  });

  test("tells when no app proxy or no port of it is to be had", async () => {
    await using world = await World.start();
    const wishes = { settings: { "backend-ai.via": "app-proxy" } };
    for (const name of ["demo", "no-key", "upload"]) await world.resolve(name, {}, wishes);
    const full = await failureOf(world.resolve("demo", { app: "ttyd" }, wishes));
    expect(full).toMatchObject({ code: "no-worker", hop: "proxy-tcp" });
    world.sandbox.faults.hasAppProxy = false;
    const none = await failureOf(world.resolve("demo", {}, wishes));
    expect(none.message).toContain("No coordinator configured");
  });

  test("reaches SYSTEM sessions directly and refuses others", async () => {
    await using world = await World.start();
    const run = await world.resolve("upload", { direct: true });
    expect(run.route).toMatchObject({ transport: "direct", host: "127.0.0.1" });
    const error = await failureOf(world.resolve("demo", { direct: true }));
    expect(error).toMatchObject({ code: "no-direct-access", hop: "run-state" });
  });
});
