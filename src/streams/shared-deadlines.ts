// Many deadlines behind one timer of the runtime: most are met, and a timer of their own would cost more than they do.

type Deadline = { readonly dueAt: number; readonly onDue: () => void };

/** Deadlines of short-lived work, precise to a turn of the event loop. */
export class SharedDeadlines {
  readonly #deadlines = new Set<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;

  /** Calls `onDue` after `timeoutMs` unless the returned function was called before. */
  set(timeoutMs: number, onDue: () => void): () => void {
    const deadline = { dueAt: performance.now() + timeoutMs, onDue };
    this.#deadlines.add(deadline);
    if (deadline.dueAt < this.#wakesAt) this.#wakeAt(deadline.dueAt);
    return () => this.#deadlines.delete(deadline);
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
