// Time for relay tests: it passes only when told to.
import type { Timer } from "../../src/relay/timer.ts";

type Pending = { readonly at: number; readonly action: () => void };

/** A timer whose hands a test moves. */
export class FakeTimer implements Timer {
  #now = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return 1_700_000_000_000 + this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const pending = { at: this.#now + ms, action };
    this.#pending.add(pending);
    return () => this.#pending.delete(pending);
  }

  /** How many actions wait. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Lets time pass, running what comes due in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#pending].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = until;
  }
}
