// How long to wait between tries: growing, capped, and spread so that many clients do not come back in step.

/** A growing schedule of waits. */
export type Backoff = {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
};

/** Tries of one dial: quick at first, since most faults are a moment's; at most 2 s, so that a held client is served soon
 * after the route is back. */
export const DIAL_BACKOFF: Backoff = { firstMs: 100, maxMs: 2000, factor: 2 };

/** Tries of one API call. */
export const API_BACKOFF: Backoff = { firstMs: 200, maxMs: 5000, factor: 2 };

/** The wait after failed try number `attempt` (from 1). `random` in [0, 1) spreads it over the upper half of the step. */
export function backoffDelayMs(attempt: number, backoff: Backoff, random: number): number {
  const step = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** (attempt - 1));
  return step / 2 + (step / 2) * random;
}
