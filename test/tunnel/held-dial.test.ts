import { describe, expect, test } from "bun:test";
import type { ByteStream } from "../../src/domain/byte-stream.ts";
import { AuthError, NotFoundError, TimeoutError, UnreachableError } from "../../src/domain/errors.ts";
import { dialHeld, type HeldDialOptions } from "../../src/tunnel/held-dial.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTransport, fakeRun, makeLiveRoute } from "./fake-route.ts";

const DOWN = new UnreachableError("Proxy down", { hop: "proxy-tcp" });
const REFUSED = new UnreachableError("Port refused", { hop: "remote-port" });
const GONE = new NotFoundError("No such session", { code: "no-such-run", hop: "run-state" });
const LOGIN = new AuthError("Token refused", { hop: "proxy-login" });

type Play = {
  readonly outcome: ByteStream | unknown;
  readonly dialledAt: readonly number[];
  readonly endedAt: number;
  readonly resolves: number;
  readonly failures: readonly unknown[];
  readonly roundTrips: readonly number[];
};

/** Dials on a fake clock. `script` gives the error of a dial, or undefined for a stream. */
async function play(
  script: (turn: number, nowMs: number) => unknown,
  wishes: Partial<HeldDialOptions> = {},
  resolve?: (turn: number) => unknown,
): Promise<Play> {
  const clock = new FakeClock();
  const dialledAt: number[] = [];
  const failures: unknown[] = [];
  const roundTrips: number[] = [];
  const fake = new FakeTransport(async (turn) => {
    dialledAt.push(clock.monotonicMs());
    await clock.sleep(10);
    const error = script(turn, clock.monotonicMs());
    if (error !== undefined) throw error;
    return streamPair()[0];
  });
  const { route, resolves } = makeLiveRoute(fake, clock, async (turn) => {
    const error = resolve?.(turn);
    if (error !== undefined) throw error;
    return fakeRun();
  });
  const outcome = await clock.runUntil(
    dialHeld(22, new AbortController().signal, {
      route,
      clock,
      random: () => 0.5,
      retries: 1000,
      connectTimeoutMs: 5000,
      holdMs: 10_000,
      onSuccess: (ms) => roundTrips.push(ms),
      onFailure: (error) => failures.push(error),
      ...wishes,
    }).catch((error) => error),
  );
  return { outcome, dialledAt, endedAt: clock.monotonicMs(), resolves: resolves(), failures, roundTrips };
}

describe("dialHeld()", () => {
  test("dials once where the way is open", async () => {
    const { outcome, dialledAt, roundTrips, failures } = await play(() => undefined);
    expect(outcome).toMatchObject({ canHalfClose: true });
    expect(dialledAt).toEqual([0]);
    expect(roundTrips).toEqual([10]);
    expect(failures).toEqual([]);
  });

  test("holds the line until the way is back", async () => {
    const { outcome, endedAt, failures } = await play((_turn, now) => (now < 6000 ? DOWN : undefined));
    expect(outcome).toMatchObject({ canHalfClose: true });
    expect(endedAt >= 6000 && endedAt < 8100).toBe(true);
    expect(new Set(failures)).toEqual(new Set([DOWN]));
  });

  test("begins no dial after the hold, and the last one at its very end", async () => {
    const { outcome, dialledAt } = await play(() => DOWN);
    expect(outcome).toBe(DOWN);
    expect(dialledAt.at(-1)).toBe(10_000);
    for (const [index, at] of dialledAt.entries()) {
      const gapMs = at - (dialledAt[index - 1] ?? at);
      expect(gapMs).toBeLessThanOrEqual(2010);
    }
  });

  test("tries as often as it may", async () => {
    const { outcome, dialledAt } = await play(() => DOWN, { retries: 3 });
    expect(outcome).toBe(DOWN);
    expect(dialledAt.length).toBe(3);
  });

  test("tries once where it may not hold", async () => {
    expect((await play(() => DOWN, { holdMs: 0 })).dialledAt).toEqual([0]);
  });

  test("does not hold long for a port that is refused", async () => {
    const { outcome, endedAt, dialledAt } = await play(() => REFUSED);
    expect(outcome).toBe(REFUSED);
    expect(dialledAt.length).toBeGreaterThan(2);
    expect(endedAt).toBeLessThan(1500);
  });

  test("never holds a refused port longer than any other fault", async () => {
    expect((await play(() => REFUSED, { holdMs: 0 })).dialledAt).toEqual([0]);
  });

  test("asks the platform once more after a refused login, since the token may have been renewed", async () => {
    const renewed = await play((turn) => (turn === 1 ? LOGIN : undefined));
    expect(renewed.outcome).toMatchObject({ canHalfClose: true });
    const refused = await play(() => LOGIN);
    expect(refused.outcome).toBe(LOGIN);
    expect(refused.dialledAt.length).toBe(2);
  });

  test("asks the platform for the run that took the place of one that the relay does not know any more", async () => {
    const replaced = await play((turn) => (turn === 1 ? GONE : undefined));
    expect(replaced.outcome).toMatchObject({ canHalfClose: true });
    expect(replaced.resolves).toBe(2);
    const gone = await play(() => GONE);
    expect(gone.outcome).toBe(GONE);
    expect(gone.dialledAt.length).toBe(2);
  });

  test("ends at once where the platform knows no run in its place", async () => {
    const ended = new NotFoundError("Run ended", { code: "run-ended", hop: "run-state" });
    const { outcome, dialledAt, resolves } = await play(
      () => GONE,
      {},
      (turn) => (turn === 1 ? undefined : ended),
    );
    expect(outcome).toBe(ended);
    expect(dialledAt.length).toBe(1);
    expect(resolves).toBe(2);
  });

  test.each([
    ["a refused API login", new AuthError("Refused", { hop: "api-login" })],
    ["a bug", new TypeError("undefined is not a function")],
  ])("ends at once for %s", async (_what, error) => {
    const { outcome, dialledAt, failures } = await play(() => error);
    expect(outcome).toBe(error);
    expect(dialledAt).toEqual([0]);
    expect(failures).toEqual([error]);
  });

  test("ends at once where the platform says that the run is over", async () => {
    const over = new NotFoundError("Run ended", { code: "run-ended", hop: "run-state" });
    const { outcome, dialledAt } = await play(
      () => DOWN,
      {},
      (turn) => (turn === 1 ? undefined : over),
    );
    expect(outcome).toBe(over);
    expect(dialledAt.length).toBeGreaterThan(1);
    expect(dialledAt.at(-1)).toBeLessThan(2000);
  });

  test("holds the line while the platform does not answer", async () => {
    const silent = new TimeoutError("API silent", { hop: "api" });
    const { outcome, failures } = await play(
      () => undefined,
      {},
      (turn) => (turn < 4 ? silent : undefined),
    );
    expect(outcome).toMatchObject({ canHalfClose: true });
    expect(failures).toEqual([silent, silent, silent]);
  });

  test("asks the platform at most once a second while it holds", async () => {
    const { resolves, dialledAt } = await play(() => DOWN);
    expect(resolves).toBeLessThanOrEqual(11);
    expect(resolves).toBeLessThan(dialledAt.length);
    expect(resolves).toBeGreaterThan(2);
  });

  test("ends without a word when the client is gone", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const failures: unknown[] = [];
    const fake = new FakeTransport((_turn, _port, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(DOWN)));
    });
    const outcome = dialHeld(22, controller.signal, {
      route: makeLiveRoute(fake, clock).route,
      clock,
      random: () => 0,
      retries: 10,
      connectTimeoutMs: 5000,
      holdMs: 10_000,
      onSuccess: () => undefined,
      onFailure: (error) => failures.push(error),
    }).catch((error) => error);
    await clock.advance(0);
    controller.abort();
    expect(await outcome).toBe(DOWN);
    expect(failures).toEqual([]);
    expect(fake.dials).toBe(1);
  });
});
