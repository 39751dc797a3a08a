import { describe, expect, test } from "bun:test";
import { FakeClock } from "./fake-clock.ts";

describe("FakeClock", () => {
  test("wakes sleepers in order of time, then of asking, and lets each sleep again in between", async () => {
    const clock = new FakeClock(1_000_000);
    const woken: string[] = [];
    const sleeper = async (name: string, ...waits: readonly number[]): Promise<void> => {
      for (const ms of waits) {
        await clock.sleep(ms);
        woken.push(`${name} ${clock.monotonicMs()}`);
      }
    };
    const all = Promise.all([sleeper("a", 30), sleeper("b", 10, 10), sleeper("c", 10)]);
    await clock.advance(25);
    expect(woken).toEqual(["b 10", "c 10", "b 20"]);
    expect([clock.now(), clock.sleeping, clock.nextWakeMs]).toEqual([1_000_025, 1, 5]);
    await clock.advance(5);
    await all;
    expect(woken.at(-1)).toBe("a 30");
  });

  test("forgets a sleeper that was aborted", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal).catch((reason: unknown) => reason);
    controller.abort("stop");
    expect([await sleeping, clock.sleeping]).toEqual(["stop", 0]);
  });

  test("runUntil() jumps from wait to wait until the promise settles", async () => {
    const clock = new FakeClock();
    const work = async (): Promise<number> => {
      await clock.sleep(60_000);
      await clock.sleep(60_000);
      return clock.monotonicMs();
    };
    expect(await clock.runUntil(work())).toBe(120_000);
  });

  test("jumpWall() moves the wall clock alone", () => {
    const clock = new FakeClock(5);
    clock.jumpWall(100);
    expect([clock.now(), clock.monotonicMs()]).toEqual([105, 0]);
  });
});
