// What stands before and beside a manager: gateways that fail, limits of calls, proxies, passwords that have changed.
import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/domain/secret.ts";
import { login } from "../../../src/platforms/backend-ai/account.ts";
import { createBackendAi } from "../../../src/platforms/backend-ai/backend-ai.ts";
import type { Fetch } from "../../../src/platforms/http-client.ts";
import type { ResolvedRun } from "../../../src/platforms/platform.ts";
import { makeContext, makeOptions } from "../platform-context.ts";
import { failureOf, World } from "./fixture.ts";

type Seen = { readonly url: URL; readonly init: BunFetchRequestInit };
type Wishes = { readonly environment?: Record<string, string>; readonly settings?: Record<string, string> };

/** Resolves the session `demo` while `answer` takes some of the calls; undefined leaves a call to the sandbox. */
function resolveThrough(
  world: World,
  answer: (seen: Seen) => Response | undefined,
  { environment = {}, settings = {} }: Wishes = {},
) {
  const calls: Seen[] = [];
  const call: Fetch = async (address, init) => {
    const seen = { url: new URL(address), init };
    calls.push(seen);
    return answer(seen) ?? fetch(address, init);
  };
  const platform = createBackendAi({ random: () => 0, logins: new Map(), fetch: call });
  let now = Date.now();
  const resolve = (changed: Record<string, string> = {}): Promise<ResolvedRun> => {
    const context = makeContext({
      environment: { ...world.sandbox.environment, ...environment, ...changed },
      settings,
      now,
    });
    return platform.resolve("demo", makeOptions({ retries: 10 }), context);
  };
  const wait = (ms: number): void => {
    now += ms;
  };
  return { calls, resolve, wait };
}

describe("resolve()", () => {
  test.each([502, 503, 504])("does not take a gateway's %d for a session without a key", async (status) => {
    await using world = await World.start();
    const { resolve } = resolveThrough(world, ({ url }) =>
      url.pathname.endsWith("download_single") ? new Response("<title>Bad Gateway</title>", { status }) : undefined,
    );
    expect(await failureOf(resolve())).toMatchObject({ code: "service-unavailable", hop: "api", transient: true });
  });

  test("takes a manager's 500 for a session without a key, and calls the session by its name", async () => {
    await using world = await World.start();
    const { resolve } = resolveThrough(world, ({ url }) =>
      url.pathname.endsWith("download_single") ? new Response("{}", { status: 500 }) : undefined,
    );
    expect((await resolve()).notes.join()).toStartWith('Session "demo" has no id_container');
  });

  test("does not run into a limit of calls again and again: refused calls count too", async () => {
    await using world = await World.start();
    const limited = { type: "https://api.backend.ai/probs/rate-limit-exceeded", title: "Limit reached." };
    const { calls, resolve } = resolveThrough(world, ({ url }) =>
      url.pathname === "/" ? undefined : Response.json(limited, { status: 429 }),
    );
    expect(await failureOf(resolve())).toMatchObject({ code: "too-many-requests", hop: "api" });
    expect(calls.filter(({ url }) => url.pathname !== "/").length).toBe(3);
  });

  test("sends a domain in any script as UTF-8, with the dial too", async () => {
    await using world = await World.start();
    const { calls, resolve } = resolveThrough(world, () => undefined, { environment: { BACKEND_DOMAIN: "연구소" } });
    const run = await resolve();
    const headers = await run.route.via?.headers?.({ method: "GET", target: "/", host: "h" });
    const sent = [new Headers(calls[0]?.init.headers).get("X-BackendAI-Domain"), headers?.["X-BackendAI-Domain"]];
    for (const value of sent) expect(Buffer.from(value ?? "", "latin1").toString("utf8")).toBe("연구소");
  });

  test.each(["AKIA\u2026EXAMPLE", "AKIA EXAMPLE", "AKIA\nEXAMPLE"])(
    "refuses the access key %j before any call",
    async (key) => {
      await using world = await World.start();
      const { calls, resolve } = resolveThrough(world, () => undefined, { environment: { BACKEND_ACCESS_KEY: key } });
      expect(await failureOf(resolve())).toMatchObject({ code: "bad-access-key", hop: "api-login" });
      expect(calls).toEqual([]);
    },
  );

  test("sends a refused password again only when it has changed or time has passed: accounts get blocked", async () => {
    await using world = await World.start();
    const environment = { ...world.sandbox.webEnvironment, BACKEND_PASSWORD: "old-password" };
    const { calls, resolve, wait } = resolveThrough(world, () => undefined, { environment });
    const logins = (): number => calls.filter(({ url }) => url.pathname === "/server/login").length;
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await failureOf(resolve())).toMatchObject({ code: "login-refused", hop: "api-login" });
    }
    expect(logins()).toBe(1);
    wait(11 * 60_000);
    expect(await failureOf(resolve())).toMatchObject({ code: "login-refused" });
    expect(logins()).toBe(2);
    expect((await resolve(world.sandbox.webEnvironment)).name).toBe("session-demo");
    expect(logins()).toBe(3);
  });

  test.each([
    ["no object", '"OTP not provided"'],
    ["details that are no text", '{"title": "No", "details": {"field": ["wrong"]}}'],
    ["nothing", "null"],
  ])("takes a refused login for one although its data is %s", async (_what, data) => {
    await using world = await World.start();
    const { resolve } = resolveThrough(
      world,
      ({ url }) =>
        url.pathname === "/server/login" ? new Response(`{"authenticated": false, "data": ${data}}`) : undefined,
      { environment: world.sandbox.webEnvironment },
    );
    expect(await failureOf(resolve())).toMatchObject({ code: "login-refused", hop: "api-login" });
  });
});

describe("list()", () => {
  test.each([
    ["2026-08-15T01:23:45.678901", "2026-08-15T01:23:45.678Z"],
    ["2026-08-15T01:23:45+09:00", "2026-08-14T16:23:45.000Z"],
    ["2026-08-15T01:23:45Z", "2026-08-15T01:23:45.000Z"],
  ])("reads the date %s as %s, whatever the zone of this machine", async (created_at, expected) => {
    await using world = await World.start();
    const item = { session_id: "8f0d6a4e-0f5c-4b57-9a55-0a3c1f9f0001", name: "demo", status: "RUNNING", created_at };
    const answer = { data: { compute_session_list: { items: [item], total_count: 1 } } };
    const platform = createBackendAi({
      fetch: async (address, init) => (address.endsWith("/admin/gql") ? Response.json(answer) : fetch(address, init)),
    });
    const zone = process.env["TZ"];
    process.env["TZ"] = "Asia/Seoul";
    try {
      const context = makeContext({ environment: world.sandbox.environment, now: Date.now() });
      const found = await platform.list?.({ ended: false, limit: 9 }, context, new AbortController().signal);
      expect(found?.runs[0]?.startedAt).toBe(expected);
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });
});

describe("the proxy setting", () => {
  /** A proxy that refuses all, and what it was asked for. */
  function refusingProxy(): { readonly url: string; readonly asked: string[]; stop(): void } {
    const asked: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        asked.push(request.url);
        return new Response("", { status: 503 });
      },
    });
    return { url: `http://127.0.0.1:${server.port}`, asked, stop: () => void server.stop(true) };
  }

  test("counts for web logins as for every other call", async () => {
    await using world = await World.start();
    const proxy = refusingProxy();
    const { BACKEND_USER = "", BACKEND_PASSWORD = "", ...environment } = world.sandbox.webEnvironment;
    const context = makeContext({ environment, settings: { "backend-ai.proxy": proxy.url }, now: Date.now() });
    const credentials = { user: BACKEND_USER, password: new Secret(BACKEND_PASSWORD) };
    const error = await failureOf(login(credentials, context, new AbortController().signal));
    proxy.stop();
    expect(proxy.asked).toHaveLength(1);
    expect(error).toMatchObject({ code: "service-unavailable" });
  });

  test("counts for the app proxy's servers too", async () => {
    await using world = await World.start();
    const seen: unknown[] = [];
    const settings = { "backend-ai.via": "app-proxy", "backend-ai.proxy": "http://127.0.0.1:1" };
    const { resolve } = resolveThrough(
      world,
      ({ url, init }) => {
        if (url.pathname.startsWith("/v2/proxy/")) seen.push(init.proxy);
        init.proxy = false;
        return undefined;
      },
      { settings },
    );
    await resolve();
    expect(seen).toMatchObject([{ url: "http://127.0.0.1:1" }]);
  });
});
