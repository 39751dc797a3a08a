// Waits for the world instead of sleeping and hoping.

/** Far more than anything here takes, so that a loaded machine fails no test. */
const DEFAULT_TIMEOUT_MS = 10_000;

const INTERVAL_MS = 10;

/** Runs the check until it does not throw, and returns its value; the last error is thrown when time is up. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadlineMs) throw error;
      await Bun.sleep(INTERVAL_MS);
    }
  }
}
