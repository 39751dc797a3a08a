// Runs a piece of work over a schedule. Clock and randomness are passed in, so tests need not wait.
import { type Backoff, backoffDelayMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { isTransient } from "./errors.ts";

/** How often and how long to try. */
export type RetryOptions = {
  /** Tries in all, at least 1. */
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** No try begins later than this on the monotonic clock; a wait that would pass it is cut, for one last try. */
  readonly lastTryAtMs?: number;
  /** Whether to go on after this error; the default goes on after transient AppErrors only. */
  readonly canRetry?: (error: unknown, attempt: number) => boolean;
  /** Whether a failed try does not count, since nothing was tried: no network here. Such tries end at `lastTryAtMs`. */
  readonly isFree?: (error: unknown) => boolean;
  /** Told before each wait. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
};

/** The work's result, or the error of its last try. An aborted signal ends it with the last error, if there is one. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  let spent = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const goOn = options.canRetry === undefined ? isTransient(error) : options.canRetry(error, attempt);
      spent += isFree(error, options) ? 0 : 1;
      if (!goOn || spent >= options.attempts || options.signal.aborted) throw error;
      const leftMs = (options.lastTryAtMs ?? Number.POSITIVE_INFINITY) - options.clock.monotonicMs();
      if (leftMs <= 0) throw error;
      const delayMs = Math.min(leftMs, backoffDelayMs(attempt, options.backoff, options.random()));
      options.onRetry?.(error, attempt, delayMs);
      const slept = await options.clock.sleep(delayMs, options.signal).then(
        () => true,
        () => false,
      );
      if (!slept) throw error;
    }
  }
}

/** Tries without an end in time always count. */
function isFree(error: unknown, { isFree, lastTryAtMs }: RetryOptions): boolean {
  return lastTryAtMs !== undefined && isFree?.(error) === true;
}
