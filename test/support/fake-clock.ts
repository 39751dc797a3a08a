// A clock that moves only when told to.
import type { Clock } from "../../src/domain/clock.ts";

type Sleeper = { readonly wakeMs: number; readonly wake: () => void };

/** Time for tests of schedules. Monotonic time starts at 0, wall time where the constructor says. */
export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #sleepers: readonly Sleeper[] = [];

  constructor(startMs = Date.UTC(2024, 0, 1)) {
    this.#wallOffsetMs = startMs;
  }

  now(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        wakeMs: this.#monotonicMs + Math.max(ms, 0),
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      // Stable: who asked first wakes first.
      this.#sleepers = [...this.#sleepers, sleeper].sort((one, other) => one.wakeMs - other.wakeMs);
    });
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Milliseconds until the next sleeper wakes. */
  get nextWakeMs(): number | undefined {
    const next = this.#sleepers[0];
    return next === undefined ? undefined : next.wakeMs - this.#monotonicMs;
  }

  /** Moves time on, waking sleepers in order; each may run, and sleep again, before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#sleepers[0]; next !== undefined && next.wakeMs <= untilMs; next = this.#sleepers[0]) {
      this.#sleepers = this.#sleepers.slice(1);
      this.#monotonicMs = Math.max(this.#monotonicMs, next.wakeMs);
      next.wake();
      await settle();
    }
    this.#monotonicMs = untilMs;
  }

  /** Advances from one sleeper to the next until the promise settles; real input and output may happen between. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    while (!isSettled) {
      await settle();
      if (!isSettled) await this.advance(this.nextWakeMs ?? 0);
    }
    return promise;
  }

  /** Moves the wall clock alone: somebody set it, or the machine slept. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}

/** Lets everything run that is ready to. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
