// Many deadlines behind one timer of the runtime: most are met, and a timer of their own would cost more than they do.
import { type Linked, LinkedSet } from "./linked-set.ts";

/** A deadline that is set; to be handed back when it is met. */
export class Deadline implements Linked<Deadline> {
  previousLink: Deadline | undefined;
  nextLink: Deadline | undefined;
  readonly dueAt: number;
  readonly onDue: () => void;

  constructor(dueAt: number, onDue: () => void) {
    this.dueAt = dueAt;
    this.onDue = onDue;
  }
}

/** Deadlines of short-lived work, precise to a turn of the event loop. */
export class SharedDeadlines {
  readonly #deadlines = new LinkedSet<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;

  /** Calls `onDue` after `timeoutMs` unless the deadline is met before. */
  set(timeoutMs: number, onDue: () => void): Deadline {
    const deadline = new Deadline(performance.now() + timeoutMs, onDue);
    this.#deadlines.add(deadline);
    if (deadline.dueAt < this.#wakesAt) this.#wakeAt(deadline.dueAt);
    return deadline;
  }

  /** The work is done in time, or given up. Safe to call twice. */
  meet(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
  }

  /** The timer stays behind when deadlines are met, so that a burst sets one; it does not keep the program alive. */
  #wakeAt(dueAt: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = dueAt;
    this.#timer = setTimeout(() => this.#wake(), Math.max(dueAt - performance.now(), 0));
    this.#timer.unref();
  }

  #wake(): void {
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const due = [...this.#deadlines].filter(({ dueAt }) => dueAt <= now);
    for (const deadline of due) this.#deadlines.delete(deadline);
    const next = Math.min(...Array.from(this.#deadlines, ({ dueAt }) => dueAt));
    if (next !== Number.POSITIVE_INFINITY) this.#wakeAt(next);
    for (const { onDue } of due) onDue();
  }
}
