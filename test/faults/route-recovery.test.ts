// What a tunnel does while the platform, the network or the run itself is away: on fake clocks, without any network.
import { describe, expect, test } from "bun:test";
import { AuthError, NotFoundError, TimeoutError, UnreachableError } from "../../src/domain/errors.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import type { ResolvedRun } from "../../src/platforms/platform.ts";
import { dialHeld } from "../../src/tunnel/held-dial.ts";
import { probe } from "../../src/tunnel/probe.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTransport, fakeRun, makeLiveRoute } from "../tunnel/fake-route.ts";

const API_DOWN = new UnreachableError("API down", { code: "connection-refused", hop: "api" });
const OFFLINE = new UnreachableError("Network unreachable", { code: "network-unreachable", hop: "proxy-tcp" });
const EDGE_DOWN = new UnreachableError("EDGE down", { hop: "proxy-tcp" });

const transport = (): FakeTransport => new FakeTransport(() => streamPair()[0]);

describe("LiveRoute, with the platform away,", () => {
  test("goes on with the known route, and asks again later", async () => {
    const clock = new FakeClock();
    const { route, resolves } = makeLiveRoute(transport(), clock, async (turn) => {
      if (turn > 1) throw API_DOWN;
      return fakeRun();
    });
    const known = await route.get();
    for (let turn = 0; turn < 5; turn += 1) {
      route.doubt();
      await clock.advance(1000);
      expect(await route.get()).toBe(known);
    }
    expect(resolves()).toBe(6);
  });

  test("waits two seconds at most for a platform that is mute", async () => {
    const clock = new FakeClock();
    const { route } = makeLiveRoute(transport(), clock, (turn) =>
      turn === 1 ? Promise.resolve(fakeRun()) : new Promise<ResolvedRun>(() => undefined),
    );
    const known = await route.get();
    route.doubt();
    await clock.advance(1000);
    const startedAt = clock.monotonicMs();
    expect(await clock.runUntil(route.get())).toBe(known);
    expect(clock.monotonicMs() - startedAt).toBe(2000);
    expect(clock.sleeping).toBe(0);
  });

  test.each([
    ["a paused run", new UnreachableError("Paused", { code: "run-paused", hop: "run-state", transient: false })],
    ["a resuming run", new UnreachableError("Resuming", { code: "run-resuming", hop: "run-state" })],
    ["an ended run", new NotFoundError("Ended", { code: "run-ended", hop: "run-state" })],
    ["a refused token", new AuthError("Expired", { code: "token-expired", hop: "api-login" })],
  ])("never dials the old address of %s, also when the platform then falls silent", async (_what, refusal) => {
    const clock = new FakeClock();
    const { route } = makeLiveRoute(transport(), clock, async (turn) => {
      if (turn === 2) throw refusal;
      if (turn === 3) throw API_DOWN;
      return fakeRun({ incarnation: turn === 1 ? "first" : "second" });
    });
    await route.get();
    route.doubt();
    await clock.advance(1000);
    await expect(route.get()).rejects.toBe(refusal);
    await clock.advance(1000);
    if (refusal.hop === "run-state" || refusal instanceof AuthError) await expect(route.get()).rejects.toBe(API_DOWN);
    await clock.advance(1000);
    expect((await route.get()).run.incarnation).toBe("second");
  });
});

describe("dialHeld(), with no network,", () => {
  const dial = async (script: (turn: number, nowMs: number) => unknown, retries: number) => {
    const clock = new FakeClock();
    let dials = 0;
    const fake = new FakeTransport(async (turn) => {
      dials = turn;
      const error = script(turn, clock.monotonicMs());
      if (error !== undefined) throw error;
      return streamPair()[0];
    });
    const outcome = await clock.runUntil(
      dialHeld(22, new AbortController().signal, {
        route: makeLiveRoute(fake, clock).route,
        clock,
        random: () => 0.5,
        retries,
        connectTimeoutMs: 5000,
        holdMs: 10_000,
        onSuccess: () => undefined,
        onFailure: () => undefined,
      }).catch((error: unknown) => error),
    );
    return { outcome, dials, endedAt: clock.monotonicMs() };
  };

  test("spends no tries before there is a route", async () => {
    const { outcome, dials } = await dial((_turn, now) => (now < 5000 ? OFFLINE : undefined), 2);
    expect(outcome).toMatchObject({ canHalfClose: true });
    expect(dials).toBeGreaterThan(4);
  });

  test("spends them afterwards", async () => {
    const { outcome, endedAt } = await dial((_turn, now) => (now < 3000 ? OFFLINE : EDGE_DOWN), 2);
    expect(outcome).toBe(EDGE_DOWN);
    expect(endedAt).toBeLessThan(8000);
  });

  test("gives up at the end of the hold all the same", async () => {
    const { outcome, endedAt } = await dial(() => OFFLINE, 2);
    expect(outcome).toBe(OFFLINE);
    expect(endedAt).toBe(10_000);
  });

  test("does not hold a client for longer than a dial while the platform is mute from the start", async () => {
    const clock = new FakeClock();
    const { route } = makeLiveRoute(transport(), clock, () => new Promise<ResolvedRun>(() => undefined));
    const outcome = await clock.runUntil(
      dialHeld(22, new AbortController().signal, {
        route,
        clock,
        random: () => 0,
        retries: 10,
        connectTimeoutMs: 4000,
        holdMs: 10_000,
        onSuccess: () => undefined,
        onFailure: () => undefined,
      }).catch((error: unknown) => error),
    );
    expect(outcome).toBeInstanceOf(TimeoutError);
    expect(outcome).toMatchObject({ code: "platform-silent", hop: "api" });
    expect(clock.monotonicMs()).toBeLessThanOrEqual(14_000);
  });
});

describe("probe() of the kind http", () => {
  const play = async (chunks: readonly string[], end: boolean) => {
    const [ours, theirs] = streamPair();
    let asked = "";
    theirs.attach({
      onData: (chunk) => {
        asked += Buffer.from(chunk).toString("latin1");
      },
      onDrain() {},
      onEnd() {},
      onClose() {},
    });
    const fake = new FakeTransport(() => ours);
    const signal = new AbortController().signal;
    const clock = systemClock();
    const outcome = probe(fake.open(), { kind: "http", port: 8888, timeoutMs: 50, signal, clock }).catch(
      (error: unknown) => error,
    );
    await Promise.resolve();
    for (const chunk of chunks) theirs.write(Buffer.from(chunk, "latin1"));
    if (end) theirs.end();
    return { outcome: await outcome, asked, isClosed: ours.isClosed };
  };

  test.each([
    ["a good answer", ["HTTP/1.1 200 OK\r\n\r\n"]],
    ["any status", ["HTTP/1.0 503 Service Unavailable\r\n"]],
    ["an answer byte by byte", [..."HTTP/1.1 302"]],
  ])("takes %s", async (_what, chunks) => {
    const { outcome, asked, isClosed } = await play(chunks, false);
    expect(outcome).toBeNumber();
    expect(asked).toStartWith("HEAD / HTTP/1.0\r\n");
    expect(isClosed).toBe(true);
  });

  test.each([
    ["an SSH server", ["SSH-2.0-x\r\n"], false, "something else speaks there"],
    ["a server that hangs up", [], true, "closed before the answer"],
    ["a server that says nothing", [], false, "nothing came in time"],
    ["half a word", ["HTT"], true, "closed before the answer"],
  ])("does not take %s", async (_what, chunks, end, why) => {
    const { outcome } = await play(chunks, end);
    expect(outcome).toMatchObject({
      code: "no-http-answer",
      hop: "remote-port",
      message: expect.stringContaining(why),
    });
  });
});
