// Routes of the platform dialled through the transport, with everything that managers and web UIs get wrong.
import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { AuthError, NotFoundError, TimeoutError, UnreachableError } from "../../../src/domain/errors.ts";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import type { ResolvedRun } from "../../../src/platforms/platform.ts";
import { websocket } from "../../../src/transports/websocket/websocket.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { closedPort } from "../../support/echo-server.ts";
import { failureOf, World } from "./fixture.ts";

function dial(run: ResolvedRun, port: number, timeoutMs = 10_000) {
  return websocket.open(run.route, SILENT_LOG).dial(port, { signal: new AbortController().signal, timeoutMs });
}

/** A run of the world's session `demo`, through the manager or the web UI. */
function resolve(world: World, endpoint: string, app = "ports"): Promise<ResolvedRun> {
  return world.resolve("demo", { app }, endpoint === "web" ? { environment: world.sandbox.webEnvironment } : {});
}

describe.each(["manager", "web"])("dial() through the %s", (endpoint) => {
  test("carries 9 MiB both ways, over messages that every hop takes", async () => {
    await using world = await World.start();
    const stream = await dial(await resolve(world, endpoint), 9002);
    const reader = new StreamReader(stream);
    const sent = randomBytes(9 * 1024 * 1024);
    await reader.write(sent);
    const received = await reader.atLeast(sent.length);
    expect(createHash("sha256").update(received).digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
    stream.destroy();
  });

  test("authorises each dial anew", async () => {
    await using world = await World.start();
    const run = await resolve(world, endpoint);
    for (let index = 0; index < 3; index += 1) (await dial(run, 9001)).destroy();
    world.sandbox.logins.expireAll();
    world.sandbox.faults.clockOffsetMs = 3_600_000;
    const error = await failureOf(dial(run, 9001));
    // A manager answers a date out of its window with 400, the web UI a login that has ended with 401.
    expect(error).toMatchObject({ code: "login-refused", hop: "proxy-login" });
    expect(error.message).toContain(endpoint === "web" ? "Unauthorized access" : "Date/time sync error");
  });

  test("does not take a mute far side for an SSH server", async () => {
    await using world = await World.start();
    world.sandbox.faults.pipe = "mute";
    const error = await failureOf(dial(await resolve(world, endpoint, "sshd"), 22, 300));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ hop: "ssh-banner", code: "no-greeting" });
  });

  test("never passes a relay's own words on", async () => {
    await using world = await World.start();
    world.sandbox.faults.pipe = "text";
    expect(await failureOf(dial(await resolve(world, endpoint), 9001))).toMatchObject({ code: "bad-frames" });
  });

  test("tells when the server drops an open stream", async () => {
    await using world = await World.start();
    const reader = new StreamReader(await dial(await resolve(world, endpoint), 9001));
    await reader.write(Buffer.from("x"));
    await reader.atLeast(1);
    world.sandbox.dropStreams();
    await reader.toClose();
    expect(reader.data.toString()).toBe("x");
  });
});

describe("dial() through the manager", () => {
  test.each([
    ["401", AuthError, "proxy-login"],
    ["404", NotFoundError, "proxy-tcp"],
    ["429", UnreachableError, "proxy-login"],
    ["500", UnreachableError, "remote-port"],
    ["503", UnreachableError, "proxy-tcp"],
    ["html", UnreachableError, "proxy-tcp"],
    ["redirect", UnreachableError, "proxy-tcp"],
    ["reset", UnreachableError, "proxy-tcp"],
  ] as const)("explains the fault %s by its hop", async (fault, kind, hop) => {
    await using world = await World.start();
    const run = await resolve(world, "manager");
    world.sandbox.faults.upgrade = fault;
    const error = await failureOf(dial(run, 9001));
    expect(error).toBeInstanceOf(kind);
    expect(error.hop).toBe(hop);
  });

  test("tells of a service that does not listen, and of a port that the app does not have", async () => {
    const port = await closedPort();
    await using world = await World.start({ target: () => ({ host: "127.0.0.1", port }) });
    const run = await resolve(world, "manager");
    expect(await failureOf(dial(run, 9001))).toMatchObject({ code: "remote-port-refused", hop: "remote-port" });
    expect(await failureOf(dial(run, 4444))).toMatchObject({ code: "no-such-port", hop: "remote-port" });
  });

  test("tells that the session is gone", async () => {
    await using world = await World.start();
    const run = await resolve(world, "manager");
    world.sandbox.endSession("demo");
    expect(await failureOf(dial(run, 9001))).toMatchObject({ code: "no-such-run", hop: "run-state" });
  });
});

describe("dial() through the web UI", () => {
  test("says that its 502 may mean anything behind it", async () => {
    await using world = await World.start();
    const run = await resolve(world, "web");
    world.sandbox.endSession("demo");
    const error = await failureOf(dial(run, 9001));
    expect(error).toMatchObject({ code: "bad-gateway", hop: "proxy-tcp" });
    expect(error.hint).toContain("may be gone");
  });

  test("gives up on a service that does not listen, though nobody says so", async () => {
    await using world = await World.start({ target: () => undefined });
    const run = await resolve(world, "web", "sshd");
    expect(await failureOf(dial(run, 22, 300))).toMatchObject({ code: "no-greeting" });
  });
});
