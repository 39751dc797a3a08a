// Connections whose local side has ended but whose end must not be passed on yet, because the far side would cut both
// ways and the answer would be lost (EDGE, squid and tinyproxy do). Decides when each of them may end after all.
import type { Timer } from "./timer.ts";

/** How long an answer that is still owed may be silent. As long as EDGE lets a connection be silent. */
const UNANSWERED_SILENCE_MS = 60_000;

/** How long after the last byte of an answer more of it is waited for. */
const ANSWERED_SILENCE_MS = 2000;

/** How many answered connections may wait at a time, so that thousands of short ones do not pile up at the proxy. */
const MAX_ANSWERED = 64;

/** An answer that flowed a moment ago is not cut off to make room. */
const FLOWING_MS = 50;

/** One connection whose end is held back. */
export interface HeldEnd {
  /** Gives the end up to the far side; called once. */
  releaseEnd(): void;
}

/** The held ends of one relay. */
export class HeldEnds {
  readonly #timer: Timer;
  /** Both in the order of the last byte, longest silent first. */
  readonly #unanswered = new Map<HeldEnd, number>();
  readonly #answered = new Map<HeldEnd, number>();
  #cancelSweep: (() => void) | undefined;
  #sweepAt = 0;
  #answeredSilenceMs = ANSWERED_SILENCE_MS;

  constructor(timer: Timer) {
    this.#timer = timer;
  }

  /** Number of connections held, for tests and statistics. */
  get size(): number {
    return this.#unanswered.size + this.#answered.size;
  }

  /** Starts to hold an end. `isAnswered`: the far side has spoken since the local side last did. */
  hold(end: HeldEnd, isAnswered: boolean): void {
    const now = this.#timer.monotonicMs();
    (isAnswered ? this.#answered : this.#unanswered).set(end, now);
    this.#makeRoom(now);
    this.#plan();
  }

  /** The far side sent bytes on a connection whose end is held. */
  answered(end: HeldEnd): void {
    this.forget(end);
    this.hold(end, true);
  }

  /** From now on an answered connection goes as soon as its answer has stopped flowing: the tunnel is about to stop. */
  hurry(): void {
    this.#answeredSilenceMs = FLOWING_MS;
    this.#plan();
  }

  /** The connection is over by itself. */
  forget(end: HeldEnd): void {
    this.#unanswered.delete(end);
    this.#answered.delete(end);
  }

  /** Forgets all and stops the timer. */
  close(): void {
    this.#unanswered.clear();
    this.#answered.clear();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  #makeRoom(now: number): void {
    for (const [end, since] of this.#answered) {
      if (this.#answered.size <= MAX_ANSWERED || now - since < FLOWING_MS) return;
      this.#release(end);
    }
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const now = this.#timer.monotonicMs();
    this.#releaseSilent(this.#answered, now - this.#answeredSilenceMs);
    this.#releaseSilent(this.#unanswered, now - UNANSWERED_SILENCE_MS);
    this.#plan();
  }

  #releaseSilent(ends: ReadonlyMap<HeldEnd, number>, silentSince: number): void {
    for (const [end, since] of ends) {
      if (since > silentSince) return;
      this.#release(end);
    }
  }

  #release(end: HeldEnd): void {
    this.forget(end);
    end.releaseEnd();
  }

  /** Keeps one timer, set for the earliest end that comes due. */
  #plan(): void {
    const due = Math.min(
      dueAt(this.#answered, this.#answeredSilenceMs),
      dueAt(this.#unanswered, UNANSWERED_SILENCE_MS),
    );
    if (due === Number.POSITIVE_INFINITY) return;
    if (this.#cancelSweep !== undefined && this.#sweepAt <= due) return;
    this.#cancelSweep?.();
    this.#sweepAt = due;
    this.#cancelSweep = this.#timer.after(Math.max(due - this.#timer.monotonicMs(), 0), () => this.#sweep());
  }
}

function dueAt(ends: ReadonlyMap<HeldEnd, number>, silenceMs: number): number {
  for (const since of ends.values()) return since + silenceMs;
  return Number.POSITIVE_INFINITY;
}
