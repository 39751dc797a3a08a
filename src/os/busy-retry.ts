// Windows refuses to rename onto or remove a file that anybody has open (a virus scanner, a backup, another reader); a
// moment later it works. Other systems never do that, so there a refusal is final.
import { systemErrorCode } from "../domain/errors.ts";

/** How the retries wait and where they apply; replaced in tests. */
export type BusyRetryOptions = {
  readonly system: string;
  readonly sleep: (ms: number) => Promise<void>;
};

/** Growing waits, 10 s in all: scanners let go within a second or two, and a user should not wait longer. */
const WAITS_MS = [10, 20, 40, 80, 160, 320, 640, 1000, 1500, 2000, 2000, 2230] as const;

const BUSY_CODES: readonly (string | undefined)[] = ["EPERM", "EACCES", "EBUSY"];

const REAL_OPTIONS: BusyRetryOptions = {
  system: process.platform,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** Another machine replaced the file between two of our steps; the next look finds the new one. */
const STALE_LOOKS = 5;

/** Runs a reading operation, again while NFS says that the file it began with is no more; the last error is thrown. */
export async function retryWhileStale<T>(operation: () => Promise<T>): Promise<T> {
  for (let look = 1; look < STALE_LOOKS; look += 1) {
    try {
      return await operation();
    } catch (error) {
      if (systemErrorCode(error) !== "ESTALE") throw error;
    }
  }
  return operation();
}

/** Runs the operation, again while Windows calls the file busy; the last error is thrown as it came. */
export async function retryWhileBusy<T>(
  operation: () => Promise<T>,
  options: BusyRetryOptions = REAL_OPTIONS,
): Promise<T> {
  for (const waitMs of options.system === "win32" ? WAITS_MS : []) {
    try {
      return await operation();
    } catch (error) {
      if (!BUSY_CODES.includes(systemErrorCode(error))) throw error;
      await options.sleep(waitMs);
    }
  }
  return operation();
}
