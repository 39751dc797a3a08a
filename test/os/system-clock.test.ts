import { expect, test } from "bun:test";
import { systemClock } from "../../src/os/system-clock.ts";

test("systemClock() sleeps no shorter than asked", async () => {
  const clock = systemClock();
  const startMs = clock.monotonicMs();
  await clock.sleep(20);
  // Timers count in whole milliseconds.
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
});

test("systemClock() rejects a sleep with the signal's reason, before and during", async () => {
  const reason = new Error("stop");
  const controller = new AbortController();
  const sleeping = systemClock().sleep(60_000, controller.signal);
  controller.abort(reason);
  expect(await sleeping.catch((error: unknown) => error)).toBe(reason);
  expect(
    await systemClock()
      .sleep(60_000, controller.signal)
      .catch((error: unknown) => error),
  ).toBe(reason);
});

test("systemClock() does not wake at once from a sleep longer than timers hold", async () => {
  const controller = new AbortController();
  const sleeping = systemClock().sleep(2 ** 40, controller.signal);
  expect(await Promise.race([sleeping.catch(() => "aborted"), systemClock().sleep(5)])).toBeUndefined();
  controller.abort();
  expect(
    await sleeping.then(
      () => "woke",
      () => "aborted",
    ),
  ).toBe("aborted");
});
