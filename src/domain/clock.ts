// Time as an argument, so that schedules can be tested without waiting.

/** Wall clock, monotonic clock and sleeping. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC; may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never jumps back. Stands still while some systems sleep. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
