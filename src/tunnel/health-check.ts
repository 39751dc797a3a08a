// Runs probes on a schedule, listens to the outcome of real dials, and keeps the history that `status` shows.
import type { Clock } from "../domain/clock.ts";
import { AppError, errorMessage } from "../domain/errors.ts";
import { afterEnd, afterFailure, afterSuccess, type Failure, type Health, initialHealth } from "../domain/health.ts";
import type { Log } from "../domain/log.ts";
import type { Outage, ProbeResult } from "./control/control-protocol.ts";

/** Least time between two probes while all is well: they must not keep a run from idling out. */
const HEALTHY_INTERVAL_MS = 60_000;
/** Failing probes do not reach the run, so they may come more often; growing from the first to the last value. */
const FAILING_INTERVALS_MS = [5000, 10_000, 20_000, 30_000, 60_000] as const;
/** How often the clocks are compared. Short enough to notice a wake-up soon, long enough to cost nothing. */
const TICK_MS = 10_000;
/** A nap that took this much longer than it should, by either clock, means that the machine slept. */
const SLEEP_GAP_MS = 15_000;
/** History kept for `status`. */
const KEPT_PROBES = 20;
const KEPT_OUTAGES = 20;
const KEPT_REASONS = 10;

/** Options of a monitor. */
export type HealthMonitorOptions = {
  readonly clock: Clock;
  readonly log: Log;
  /** One probe; resolves to the round trip in milliseconds. */
  readonly probe: () => Promise<number>;
  /** Between two probes while all is well; default and least: a minute. */
  readonly intervalMs?: number;
  /** Failures in a row after which the tunnel counts as unhealthy. */
  readonly threshold?: number;
  /** Told whenever the remote side was reached. */
  readonly onRoundTrip?: (roundTripMs: number) => void;
  /** Told before the probe that follows a sleep of the machine: what was known may have become wrong meanwhile. */
  readonly onWake?: () => void;
};

/** Health of one tunnel. `run` serves until the signal is aborted. */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #probes: ProbeResult[] = [];
  readonly #outages: Outage[] = [];
  #health: Health;
  /** When the next probe is due, and when the run was last reached; on the monotonic clock, since the other one is set. */
  #nextAtMs = Number.POSITIVE_INFINITY;
  #succeededAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#health = initialHealth(options.clock.now());
  }

  get health(): Health {
    return this.#health;
  }

  get probes(): readonly ProbeResult[] {
    return this.#probes;
  }

  get outages(): readonly Outage[] {
    return this.#outages;
  }

  /** The remote side was reached, by a probe or by a real dial. */
  succeed(roundTripMs: number): void {
    const now = this.#options.clock.now();
    this.#succeededAtMs = this.#options.clock.monotonicMs();
    this.#health = afterSuccess(this.#health, now, roundTripMs);
    this.#options.onRoundTrip?.(roundTripMs);
    const outage = this.#outages.at(-1);
    if (this.#health.state !== "healthy" || outage === undefined || outage.to !== undefined) return;
    this.#outages[this.#outages.length - 1] = { ...outage, to: now };
    this.#options.log.info("The run is reached again", { afterMs: now - outage.from, code: outage.code });
  }

  /** The remote side was not reached. */
  fail(error: unknown): void {
    const failure = this.#toFailure(error);
    const before = this.#health.state;
    this.#health = afterFailure(this.#health, failure, this.#options.threshold);
    // Whoever could not connect wants to know soon whether the run is back.
    this.#nextAtMs = Math.min(this.#nextAtMs, this.#options.clock.monotonicMs() + this.#intervalMs());
    const isNews = this.#noteOutage(failure);
    if (before === this.#health.state && !isNews) return;
    const { code, hop, message } = failure;
    this.#options.log.warning(`The tunnel is ${this.#health.state}: ${message}`, { code, hop });
  }

  /** The run is over. */
  end(error: unknown): void {
    this.#health = afterEnd(this.#health, this.#toFailure(error));
  }

  /** Probes once and records the outcome, unless the signal ended it; true when the remote side answered. */
  async probeNow(signal?: AbortSignal): Promise<boolean> {
    const at = this.#options.clock.now();
    try {
      const roundTripMs = await this.#options.probe();
      push(this.#probes, { at, ok: true, roundTripMs }, KEPT_PROBES);
      this.succeed(roundTripMs);
      return true;
    } catch (error) {
      if (signal?.aborted === true) return false;
      push(this.#probes, { at, ok: false, message: errorMessage(error) }, KEPT_PROBES);
      this.fail(error);
      return false;
    }
  }

  /** Probes on schedule until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#nextAtMs = clock.monotonicMs() + this.#intervalMs();
    while (!signal.aborted) {
      const wall = clock.now();
      const monotonic = clock.monotonicMs();
      const napMs = Math.min(TICK_MS, Math.max(0, this.#nextAtMs - monotonic));
      const slept = await clock.sleep(napMs, signal).then(
        () => true,
        () => false,
      );
      if (!slept) return;
      // Where the monotonic clock stands still in sleep the wall clock is ahead; on Windows it runs on.
      const gapMs = Math.max(clock.now() - wall, clock.monotonicMs() - monotonic) - napMs;
      const woke = gapMs > SLEEP_GAP_MS;
      if (woke) {
        this.#options.log.info("The machine slept; probing at once", { forMs: Math.round(gapMs) });
        this.#options.onWake?.();
      }
      if (woke || clock.monotonicMs() >= this.#nextAtMs) {
        if (woke || this.#isDue()) await this.probeNow(signal);
        this.#nextAtMs = clock.monotonicMs() + this.#intervalMs();
      }
    }
  }

  /** A real connection that succeeded within the interval says the same as a probe. */
  #isDue(): boolean {
    const quietMs = this.#options.clock.monotonicMs() - this.#succeededAtMs;
    return this.#health.state !== "healthy" || quietMs >= this.#healthyIntervalMs();
  }

  #intervalMs(): number {
    const { failuresInRow, state } = this.#health;
    if (state === "healthy" || state === "starting") return this.#healthyIntervalMs();
    // Degraded without a failure: the second success that makes it healthy is wanted soon.
    const step = Math.min(Math.max(failuresInRow, 1), FAILING_INTERVALS_MS.length) - 1;
    return FAILING_INTERVALS_MS[step] ?? HEALTHY_INTERVAL_MS;
  }

  #healthyIntervalMs(): number {
    return Math.max(HEALTHY_INTERVAL_MS, this.#options.intervalMs ?? 0);
  }

  /** Whether this is the first failure of an outage, or one for another reason than the one before. */
  #noteOutage(failure: Failure): boolean {
    const { at, code, message } = failure;
    const outage = this.#outages.at(-1);
    if (outage === undefined || outage.to !== undefined) {
      push(this.#outages, { from: at, code, message, reasons: [failure] }, KEPT_OUTAGES);
      return true;
    }
    if (outage.code === code) return false;
    const reasons = [...(outage.reasons ?? []), failure].slice(-KEPT_REASONS);
    this.#outages[this.#outages.length - 1] = { ...outage, code, message, reasons };
    return true;
  }

  #toFailure(error: unknown): Failure {
    const at = this.#options.clock.now();
    if (!(error instanceof AppError)) return { code: "internal", message: errorMessage(error), at };
    return { code: error.code, message: error.message, at, ...(error.hop === undefined ? {} : { hop: error.hop }) };
  }
}

function push<T>(list: T[], item: T, limit: number): void {
  list.push(item);
  if (list.length > limit) list.shift();
}
