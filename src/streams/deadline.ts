// A deadline over work that waits: one signal for the work that fires when the caller gives up or time is over.

/** What bounds a piece of work. */
export type Deadline = {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Made only when time is over. */
  readonly onTimeout: () => Error;
};

/** Runs work that honours the signal it is given. Rejects with the caller's reason or with the timeout's error, whatever
 * the work itself makes of the abort. */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  deadline.signal.throwIfAborted();
  const controller = new AbortController();
  const forward = (): void => controller.abort(deadline.signal.reason);
  const timer = setTimeout(() => controller.abort(deadline.onTimeout()), deadline.timeoutMs);
  deadline.signal.addEventListener("abort", forward, { once: true });
  try {
    return await work(controller.signal);
  } catch (error) {
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    deadline.signal.removeEventListener("abort", forward);
  }
}

/** Rejects as soon as the signal is aborted, else as the promise does. The promise itself goes on unheard. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
