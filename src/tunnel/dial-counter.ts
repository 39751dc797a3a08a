// Counts dials for whoever collects figures: how many, how long they took, and at which hop they failed.
import { AppError } from "../domain/errors.ts";
import type { DialCounts } from "./control/control-protocol.ts";

/** Upper bounds of the histogram, milliseconds: from a network next door to a path with lost packets. */
export const DIAL_BUCKETS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

/** The counts of one tunnel's process. */
export class DialCounter {
  readonly #failed = new Map<string, number>();
  readonly #buckets = DIAL_BUCKETS_MS.map(() => 0);
  #succeeded = 0;
  #sumMs = 0;

  succeed(roundTripMs: number): void {
    this.#succeeded += 1;
    this.#sumMs += roundTripMs;
    for (const [index, bound] of DIAL_BUCKETS_MS.entries()) {
      if (roundTripMs <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    }
  }

  fail(error: unknown): void {
    const hop = error instanceof AppError ? (error.hop ?? "unknown") : "unknown";
    this.#failed.set(hop, (this.#failed.get(hop) ?? 0) + 1);
  }

  get counts(): DialCounts {
    return {
      succeeded: this.#succeeded,
      failed: Object.fromEntries(this.#failed),
      buckets: [...this.#buckets],
      sumMs: this.#sumMs,
    };
  }
}
