import { describe, expect, test } from "bun:test";
import type { Route, SshLogin, Via } from "../../src/domain/route.ts";
import { Secret } from "../../src/domain/secret.ts";
import type { ResolvedRun } from "../../src/platforms/platform.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTransport, fakeRun, makeLiveRoute } from "./fake-route.ts";

const transport = (): FakeTransport => new FakeTransport(() => streamPair()[0]);

describe("LiveRoute", () => {
  test("asks the platform once for all who wait, and not again while nobody doubts", async () => {
    const fake = transport();
    const asked = Promise.withResolvers<ResolvedRun>();
    const { route, resolves } = makeLiveRoute(fake, new FakeClock(), () => asked.promise);
    expect(route.current).toBeUndefined();
    const waiting = Promise.all(Array.from({ length: 50 }, () => route.get()));
    asked.resolve(fakeRun());
    expect(new Set(await waiting).size).toBe(1);
    await route.get();
    expect(resolves()).toBe(1);
    expect(fake.opened).toBe(1);
    expect(route.current?.run.id).toBe("1");
  });

  test("asks again after a doubt, at most once a second", async () => {
    const clock = new FakeClock();
    const { route, resolves } = makeLiveRoute(transport(), clock);
    await route.get();
    for (let turn = 0; turn < 100; turn += 1) {
      route.doubt();
      await route.get();
    }
    expect(resolves()).toBe(1);
    await clock.advance(999);
    await route.get();
    expect(resolves()).toBe(1);
    await clock.advance(1);
    await Promise.all([route.get(), route.get(), route.get()]);
    expect(resolves()).toBe(2);
    await clock.advance(5000);
    await route.get();
    expect(resolves()).toBe(2);
  });

  test("goes on with the known route where the platform does not answer, and asks again later", async () => {
    const clock = new FakeClock();
    const { route, resolves } = makeLiveRoute(transport(), clock, async (turn) => {
      if (turn === 2) throw new Error("API down");
      return fakeRun();
    });
    await route.get();
    await clock.advance(1000);
    route.doubt();
    await expect(route.get()).rejects.toThrow("API down");
    expect((await route.get()).run.id).toBe("1");
    await clock.advance(1000);
    await route.get();
    expect(resolves()).toBe(3);
  });

  test("asks anew when the first question failed", async () => {
    const { route } = makeLiveRoute(transport(), new FakeClock(), async (turn) => {
      if (turn === 1) throw new Error("API down");
      return fakeRun();
    });
    await expect(route.get()).rejects.toThrow("API down");
    expect((await route.get()).run.id).toBe("1");
  });

  test("tells of another machine behind the name, once for each", async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const incarnations = ["first", "first", "second", "second", "third"];
    const { route } = makeLiveRoute(
      transport(),
      clock,
      async (turn) => fakeRun({ incarnation: incarnations[turn - 1] ?? "none" }),
      (run) => told.push(run.incarnation),
    );
    for (const _ of incarnations) {
      await route.get();
      route.doubt();
      await clock.advance(1000);
    }
    expect(told).toEqual(["second", "third"]);
  });

  const via = (wishes: Partial<Via> = {}): Route => ({
    transport: "fake",
    host: "10.0.0.1",
    via: { url: "http://proxy:3128", ...wishes },
  });
  const login = (password: string): SshLogin => ({ user: "ada", password: new Secret(password) });

  test.each<[string, Route, Route, number]>([
    ["the same way", via(), via(), 1],
    ["the same host without a proxy", fakeRun().route, fakeRun().route, 1],
    ["the same login", via({ login: login("a") }), via({ login: login("a") }), 1],
    ["another host", via(), { ...via(), host: "10.0.0.2" }, 2],
    ["another proxy", via(), via({ url: "http://other:3128" }), 2],
    ["no proxy any more", via(), fakeRun().route, 2],
    ["a renewed token", via({ headers: () => ({ a: "1" }) }), via({ headers: () => ({ a: "2" }) }), 2],
    ["a renewed password", via({ login: login("a") }), via({ login: login("b") }), 2],
    ["ports by other numbers", { ...via(), dialPort: () => 2200 }, { ...via(), dialPort: () => 2201 }, 2],
    ["another authority", via({ tls: { verify: true } }), via({ tls: { verify: false } }), 2],
  ])("uses as many dialers as needed for %s", async (_what, before, after, dialers) => {
    const clock = new FakeClock();
    const fake = transport();
    const { route } = makeLiveRoute(fake, clock, async (turn) => fakeRun({ route: turn === 1 ? before : after }));
    await route.get();
    route.doubt();
    await clock.advance(1000);
    await route.get();
    expect(fake.opened).toBe(dialers);
    expect(fake.closed).toBe(dialers - 1);
    route.close();
    expect(fake.closed).toBe(dialers);
  });

  test("closes the dialer of an answer that comes after its own end", async () => {
    const fake = transport();
    const asked = Promise.withResolvers<ResolvedRun>();
    const { route } = makeLiveRoute(fake, new FakeClock(), () => asked.promise);
    const late = route.get();
    route.close();
    asked.resolve(fakeRun());
    await late.catch(() => undefined);
    expect(fake.opened - fake.closed).toBe(0);
  });

  test("says so where there is no such transport", async () => {
    const { route } = makeLiveRoute(transport(), new FakeClock(), async () =>
      fakeRun({ route: { transport: "pigeon", host: "10.0.0.1" } }),
    );
    await expect(route.get()).rejects.toThrow('There is no transport "pigeon"');
  });
});
