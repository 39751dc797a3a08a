// The real clock; everything else gets time as an argument.
import type { Clock } from "../domain/clock.ts";

/** Longest wait that timers of the runtime can hold; more would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Wall clock, monotonic clock and timers of the system. Sleeps longer than 24 days end early, after 24 days. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep,
  };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    );
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
