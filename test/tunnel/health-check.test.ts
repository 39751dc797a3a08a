import { describe, expect, test } from "bun:test";
import type { Clock } from "../../src/domain/clock.ts";
import { UnreachableError } from "../../src/domain/errors.ts";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { HealthMonitor } from "../../src/tunnel/health-check.ts";
import { FakeClock } from "../support/fake-clock.ts";

const DOWN = new UnreachableError("Proxy down", { code: "proxy-down", hop: "proxy-tcp" });

/** A monitor on a fake clock; `isUp` decides what its probes find. Times of probes are collected in seconds. */
function startMonitor(isUp: () => boolean = () => true, onWake?: () => void) {
  const clock = new FakeClock();
  const probedAt: number[] = [];
  const controller = new AbortController();
  const monitor = new HealthMonitor({
    clock,
    log: SILENT_LOG,
    probe: async () => {
      probedAt.push(clock.monotonicMs() / 1000);
      if (!isUp()) throw DOWN;
      return 7;
    },
    ...(onWake === undefined ? {} : { onWake }),
  });
  monitor.succeed(5);
  const running = monitor.run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  return { clock, monitor, probedAt, stop };
}

describe("HealthMonitor", () => {
  test("probes at most once a minute while all is well", async () => {
    const { clock, monitor, probedAt, stop } = startMonitor();
    await clock.advance(3_600_000);
    expect(probedAt.slice(0, 3)).toEqual([60, 120, 180]);
    expect(probedAt.length).toBe(60);
    expect(monitor.health).toMatchObject({ state: "healthy", roundTripMs: 7 });
    expect(monitor.outages).toEqual([]);
    await stop();
    expect(clock.sleeping).toBe(0);
  });

  test("probes more often at first while the run is not reached, and less and less", async () => {
    const { clock, monitor, probedAt, stop } = startMonitor(() => false);
    await clock.advance(400_000);
    expect(probedAt).toEqual([60, 65, 75, 95, 125, 185, 245, 305, 365]);
    expect(monitor.health).toMatchObject({ state: "unhealthy", lastFailure: { code: "proxy-down", hop: "proxy-tcp" } });
    await stop();
  });

  test("finds out soon that the run is back after a real connection has failed", async () => {
    const { clock, monitor, probedAt, stop } = startMonitor();
    await clock.advance(11_000);
    monitor.fail(DOWN);
    expect(monitor.health.state).toBe("degraded");
    await clock.advance(15_000);
    expect(probedAt.length).toBe(1);
    expect(monitor.health.state).toBe("healthy");
    await stop();
  });

  test("goes back to a probe a minute when the run is reached again", async () => {
    let isUp = false;
    const { clock, probedAt, stop } = startMonitor(() => isUp);
    await clock.advance(66_000);
    isUp = true;
    await clock.advance(200_000);
    expect(probedAt).toEqual([60, 65, 75, 135, 195, 255]);
    await stop();
  });

  test("takes a real connection for a probe", async () => {
    const { clock, monitor, probedAt, stop } = startMonitor();
    for (let second = 0; second < 600; second += 20) {
      await clock.advance(20_000);
      monitor.succeed(3);
    }
    expect(probedAt).toEqual([]);
    expect(monitor.health.roundTripMs).toBe(3);
    await clock.advance(121_000);
    expect(probedAt.length).toBeGreaterThan(0);
    await stop();
  });

  test("probes at once after the machine slept, whatever was due", async () => {
    const { clock, probedAt, stop } = startMonitor();
    await clock.advance(20_000);
    clock.jumpWall(3_600_000);
    await clock.advance(10_000);
    expect(probedAt).toEqual([30]);
    await stop();
  });

  test.each([
    ["a clock that is set a little", 2000],
    ["a clock that is set back an hour", -3_600_000],
    ["a clock that is set back a year", -31_536_000_000],
  ])("goes on as before after %s", async (_what, jumpMs) => {
    const { clock, probedAt, stop } = startMonitor();
    await clock.advance(30_000);
    clock.jumpWall(jumpMs);
    await clock.advance(210_000);
    expect(probedAt).toEqual([60, 120, 180, 240]);
    await stop();
  });

  test("keeps outages from the first failure to the next success, with every reason on the way", async () => {
    const { clock, monitor, stop } = startMonitor();
    const t0 = clock.now();
    monitor.fail(DOWN);
    monitor.fail(DOWN);
    await clock.advance(1000);
    monitor.fail(new UnreachableError("Run 1 is paused", { code: "run-paused", hop: "run-state" }));
    const down = { code: "proxy-down", message: "Proxy down", at: t0 };
    const paused = { code: "run-paused", hop: "run-state", message: "Run 1 is paused", at: t0 + 1000 };
    const outage = { from: t0, code: "run-paused", message: "Run 1 is paused", reasons: [down, paused] };
    expect(monitor.outages).toMatchObject([outage]);
    await clock.advance(1000);
    monitor.succeed(1);
    expect(monitor.outages).toMatchObject([outage]);
    expect(monitor.outages[0]?.to).toBeUndefined();
    monitor.succeed(1);
    await clock.advance(1000);
    monitor.fail(new TypeError("a bug"));
    expect(monitor.outages).toMatchObject([
      { ...outage, to: t0 + 2000 },
      { from: t0 + 3000, code: "internal", message: "a bug" },
    ]);
    await stop();
  });

  test("tells whom it concerns that the machine slept, before it probes", async () => {
    const told: number[] = [];
    const { clock, probedAt, stop } = startMonitor(
      () => true,
      () => told.push(probedAt.length),
    );
    clock.jumpWall(3_600_000);
    await clock.advance(10_000);
    expect(told).toEqual([0]);
    expect(probedAt).toEqual([10]);
    await stop();
  });

  test("notices a sleep through which the monotonic clock ran on, as on Windows", async () => {
    const inner = new FakeClock();
    let sleptMs = 0;
    const clock: Clock = {
      now: () => inner.now() + sleptMs,
      monotonicMs: () => inner.monotonicMs() + sleptMs,
      sleep: (ms, signal) => inner.sleep(ms, signal),
    };
    const controller = new AbortController();
    let woken = 0;
    const monitor = new HealthMonitor({
      clock,
      log: SILENT_LOG,
      probe: async () => 1,
      onWake: () => {
        woken += 1;
      },
    });
    const running = monitor.run(controller.signal);
    await inner.advance(5000);
    sleptMs = 3_600_000;
    await inner.advance(5000);
    expect(woken).toBe(1);
    expect(monitor.probes).toHaveLength(1);
    controller.abort();
    await running;
  });

  test("keeps a bounded history", async () => {
    const { clock, monitor, stop } = startMonitor();
    for (let turn = 0; turn < 100; turn += 1) {
      monitor.fail(DOWN);
      await monitor.probeNow();
      await clock.advance(1);
    }
    expect(monitor.probes.length).toBe(20);
    expect(monitor.outages.length).toBe(20);
    expect(monitor.probes.at(-1)).toMatchObject({ ok: true, roundTripMs: 7 });
    await stop();
  });

  test("records what a probe found", async () => {
    const { clock, monitor, stop } = startMonitor(() => false);
    expect(await monitor.probeNow()).toBe(false);
    expect(monitor.probes).toEqual([{ at: clock.now(), ok: false, message: "Proxy down" }]);
    expect(monitor.health).toMatchObject({ state: "degraded", failuresInRow: 1 });
    await stop();
  });

  test("stays ended, whatever comes after", async () => {
    const { clock, monitor, stop } = startMonitor();
    monitor.end(new UnreachableError("Run stopped", { code: "run-ended" }));
    monitor.succeed(1);
    monitor.fail(DOWN);
    expect(monitor.health).toMatchObject({ state: "ended", lastFailure: { code: "run-ended" } });
    await clock.advance(1000);
    await stop();
  });

  test("calls it no failure when it is stopped in the middle of a probe", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const monitor = new HealthMonitor({
      clock,
      log: SILENT_LOG,
      probe: () => new Promise((_resolve, reject) => controller.signal.addEventListener("abort", () => reject(DOWN))),
    });
    monitor.succeed(5);
    const running = monitor.run(controller.signal);
    await clock.advance(60_000);
    controller.abort();
    await running;
    expect(monitor.health.state).toBe("healthy");
    expect(monitor.outages).toEqual([]);
  });
});
