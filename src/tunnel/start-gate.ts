// Lets a few tunnels start at a time, since each start is a process that loads; but one that waits for its network does
// not keep the others out.
import type { Clock } from "../domain/clock.ts";

/** Starts side by side: more only make each of them slower on a small machine. */
const PLACES = 4;
/** By then a start has done its own work and waits for others. */
const LEAVE_AFTER_MS = 3000;

/** Work passes through in the order in which it came. */
export class StartGate {
  readonly #clock: Clock;
  readonly #queue: (() => void)[] = [];
  #free = PLACES;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the work when there is a place, and gives the place back when it ends or has taken long. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter();
    const done = new AbortController();
    void this.#clock.sleep(LEAVE_AFTER_MS, done.signal).then(
      () => this.#leave(),
      () => this.#leave(),
    );
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      done.abort();
    }
  }

  #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
