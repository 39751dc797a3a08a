import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { API_BACKOFF, backoffDelayMs, DIAL_BACKOFF } from "../../src/domain/backoff.ts";
import { UnreachableError, UsageError } from "../../src/domain/errors.ts";
import { type RetryOptions, retry } from "../../src/domain/retry.ts";
import { FakeClock } from "../support/fake-clock.ts";

const backoff = fc.record({
  firstMs: fc.integer({ min: 1, max: 1000 }),
  maxMs: fc.integer({ min: 1000, max: 60_000 }),
  factor: fc.constantFrom(1, 1.5, 2, 10),
});
const luck = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("backoffDelayMs()", () => {
  test.each([
    [1, 0, 50],
    [1, 0.5, 75],
    [2, 0, 100],
    [3, 0, 200],
    [6, 0, 1000],
    [60, 0, 1000],
    [5000, 0.999, 1999],
  ])("after try %d with luck %d waits %d ms on DIAL_BACKOFF", (attempt, random, ms) => {
    expect(backoffDelayMs(attempt, DIAL_BACKOFF, random)).toBe(ms);
  });

  test("stays in the upper half of a step that never passes the cap", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), backoff, luck, (attempt, schedule, random) => {
        const delay = backoffDelayMs(attempt, schedule, random);
        expect(delay >= schedule.firstMs / 2 && delay <= schedule.maxMs).toBe(true);
      }),
    );
  });

  test("never shrinks from one try to the next", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), backoff, luck, (attempt, schedule, random) => {
        expect(backoffDelayMs(attempt + 1, schedule, random)).toBeGreaterThanOrEqual(
          backoffDelayMs(attempt, schedule, random),
        );
      }),
    );
  });
});

describe("retry()", () => {
  const fault = new UnreachableError("down");
  const optionsFor = (clock: FakeClock, more: Partial<RetryOptions> = {}): RetryOptions => ({
    attempts: 4,
    backoff: API_BACKOFF,
    clock,
    random: () => 0,
    signal: new AbortController().signal,
    ...more,
  });
  const failing = (times: number, error: unknown = fault) => {
    const triedAt: number[] = [];
    const work = (clock: FakeClock) => async (attempt: number) => {
      triedAt.push(clock.monotonicMs());
      if (attempt <= times) throw error;
      return attempt;
    };
    return { triedAt, work };
  };

  test("returns the first success and waits by the schedule before it", async () => {
    const clock = new FakeClock();
    const { triedAt, work } = failing(2);
    expect(await clock.runUntil(retry(work(clock), optionsFor(clock)))).toBe(3);
    expect(triedAt).toEqual([0, 100, 300]);
  });

  test("throws the error of the last try when the tries are used up", async () => {
    const clock = new FakeClock();
    const { triedAt, work } = failing(9);
    await expect(clock.runUntil(retry(work(clock), optionsFor(clock)))).rejects.toBe(fault);
    expect(triedAt).toEqual([0, 100, 300, 700]);
  });

  test.each([
    ["a permanent error", new UsageError("wrong")],
    ["a bug", new Error("bug")],
    ["a thrown text", "text"],
  ])("does not try again after %s", async (_what, error) => {
    const clock = new FakeClock();
    const { triedAt, work } = failing(9, error);
    await expect(retry(work(clock), optionsFor(clock))).rejects.toBe(error);
    expect(triedAt).toEqual([0]);
  });

  test("lets canRetry decide instead, with the number of the try", async () => {
    const clock = new FakeClock();
    const { triedAt, work } = failing(9, "text");
    const asked: unknown[] = [];
    const canRetry = (error: unknown, attempt: number): boolean => {
      asked.push([error, attempt]);
      return attempt < 2;
    };
    await expect(clock.runUntil(retry(work(clock), optionsFor(clock, { canRetry })))).rejects.toBe("text");
    expect(triedAt.length).toBe(2);
    expect(asked).toEqual([
      ["text", 1],
      ["text", 2],
    ]);
  });

  test("tells of each wait before it, and of none after the last try", async () => {
    const clock = new FakeClock();
    const { work } = failing(9);
    const told: unknown[] = [];
    const onRetry: RetryOptions["onRetry"] = (error, attempt, delayMs) => told.push([error, attempt, delayMs]);
    await expect(clock.runUntil(retry(work(clock), optionsFor(clock, { attempts: 3, onRetry })))).rejects.toBe(fault);
    expect(told).toEqual([
      [fault, 1, 100],
      [fault, 2, 200],
    ]);
  });

  test("ends with the last error when it is aborted while it waits", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const { triedAt, work } = failing(9);
    const outcome = retry(work(clock), optionsFor(clock, { signal: controller.signal })).catch((error) => error);
    await clock.advance(50);
    controller.abort();
    expect(await outcome).toBe(fault);
    expect(triedAt).toEqual([0]);
    expect(clock.sleeping).toBe(0);
  });

  test("begins no try later than lastTryAtMs, and the last one exactly then", async () => {
    const clock = new FakeClock();
    const { triedAt, work } = failing(99);
    const options = optionsFor(clock, { attempts: 50, lastTryAtMs: 1000 });
    await expect(clock.runUntil(retry(work(clock), options))).rejects.toBe(fault);
    expect(triedAt).toEqual([0, 100, 300, 700, 1000]);
  });
});
