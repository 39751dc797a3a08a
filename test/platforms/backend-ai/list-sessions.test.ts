// Listing sessions against the embedded manager, in several of its releases.
import { describe, expect, test } from "bun:test";
import type { RunList, RunQuery } from "../../../src/platforms/platform.ts";
import { makeContext } from "../platform-context.ts";
import { failureOf, World } from "./fixture.ts";

async function list(world: World, query: Partial<RunQuery> = {}, settings = {}): Promise<RunList> {
  const context = makeContext({ environment: world.sandbox.environment, settings, now: Date.now() });
  const signal = new AbortController().signal;
  const found = await world.platform.list?.({ ended: false, limit: 100, ...query }, context, signal);
  if (found === undefined) throw new Error("The platform lists no sessions");
  return found;
}

describe("list()", () => {
  test.each(["26.8.1", "24.09.14", "22.09.22"])(
    "finds the live sessions of our key pair at release %s",
    async (release) => {
      await using world = await World.start({ release });
      const { runs, isComplete } = await list(world);
      const phases = Object.fromEntries(runs.map(({ name, phase }) => [name, phase]));
      expect(phases).toEqual({
        "session-demo": "ready",
        "session-no-key": "ready",
        "session-waiting": "waiting",
        "session-upload": "ready",
        "session-twin": "ready",
      });
      expect(isComplete).toBe(true);
      expect(runs.find(({ id }) => id === "demo")).toMatchObject({ state: "RUNNING", owner: "user@example.com" });
    },
  );

  test("names sessions by their id where a name alone would not do", async () => {
    await using world = await World.start();
    const twins = (await list(world)).runs.filter(({ name }) => name === "session-twin");
    expect(twins).toHaveLength(2);
    for (const { id } of twins) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(twins.map(({ id }) => id)).size).toBe(2);
  });

  test("includes ended sessions on request, by id: their names may be in use again", async () => {
    await using world = await World.start();
    world.sandbox.sessions.renew("demo");
    const demos = (await list(world, { ended: true })).runs.filter(({ name }) => name === "session-demo");
    expect(demos.map(({ phase }) => phase).sort()).toEqual(["ended", "ready"]);
    expect(demos.find(({ phase }) => phase === "ready")?.id).toBe("demo");
    expect(demos.find(({ phase }) => phase === "ended")?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("says that there are more than the limit", async () => {
    await using world = await World.start();
    const { runs, isComplete } = await list(world, { limit: 2 });
    expect([runs.length, isComplete]).toEqual([2, false]);
  });

  test("tells a refused key pair", async () => {
    await using world = await World.start();
    const failure = await failureOf(list(world, {}, { "backend-ai.secret-key": "wrong" }));
    expect(failure).toMatchObject({ exitCode: 4, hop: "api-login" });
  });
});

describe("setup", () => {
  test("verify() says who we are, and refuses a wrong key", async () => {
    await using world = await World.start();
    const verify = (settings = {}): Promise<string> | undefined =>
      world.platform.setup?.verify(
        makeContext({ environment: world.sandbox.environment, settings, now: Date.now() }),
        new AbortController().signal,
      );
    expect(await verify()).toBe(`key pair ${world.sandbox.environment["BACKEND_ACCESS_KEY"]}`);
    const refusal = await failureOf(Promise.resolve(verify({ "backend-ai.secret-key": "wrong" })));
    expect(refusal).toMatchObject({ exitCode: 4 });
  });
});
