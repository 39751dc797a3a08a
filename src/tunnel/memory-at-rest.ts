// Gives memory back when a tunnel has done its work for now: the runtime itself would keep it until there is more to do.
import type { Timer } from "../relay/timer.ts";

/** Traffic that pauses for so long has probably ended; collecting in the midst of it would cost time. */
const REST_MS = 3000;

/** What a relay tells of its traffic. */
export type Traffic = {
  /** Milliseconds since 1970. */
  readonly lastByteAt: number | undefined;
};

/** Watches one relay with a single timer, which is set only when there is something to give back. */
export class MemoryAtRest {
  readonly #timer: Timer;
  readonly #traffic: () => Traffic;
  readonly #release: () => void;
  #closedAt = 0;
  #cancel: (() => void) | undefined;

  constructor(timer: Timer, traffic: () => Traffic, release: () => void) {
    this.#timer = timer;
    this.#traffic = traffic;
    this.#release = release;
  }

  /** A connection has closed. */
  connectionClosed(): void {
    this.#closedAt = this.#timer.now();
    this.#cancel ??= this.#timer.after(REST_MS, () => this.#look());
  }

  /** Stops the timer. Safe to call twice. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel = undefined;
    const busyAt = Math.max(this.#closedAt, this.#traffic().lastByteAt ?? 0);
    const leftMs = busyAt + REST_MS - this.#timer.now();
    // More than all of it is left only where the clock was set back.
    if (leftMs > 0 && leftMs <= REST_MS) this.#cancel = this.#timer.after(leftMs, () => this.#look());
    else this.#release();
  }
}
