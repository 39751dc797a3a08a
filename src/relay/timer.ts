// The relay's sense of time, as an argument, so that its limits can be tested without waiting.

/** Wall clock and delayed work. */
export interface Timer {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds from an arbitrary start; never jumps back. */
  monotonicMs(): number;
  /** Runs an action once after `ms`; the returned function cancels it. Does not keep the program alive. */
  after(ms: number, action: () => void): () => void;
}

/** The system's timer. */
export const systemTimer: Timer = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, action) => {
    const timeout = setTimeout(action, ms);
    timeout.unref();
    return () => clearTimeout(timeout);
  },
};
