// When a supervisor tries a failed tunnel again. Pure.
import { type Backoff, backoffDelayMs } from "../../domain/backoff.ts";
import { AppError } from "../../domain/errors.ts";

/** `over`: the run has ended, nothing to try. `permanent`: somebody has to change something. `transient`: it may pass. */
export type FailureKind = "over" | "permanent" | "transient";

/** A crash is followed by a start at once, an outage is asked about once a minute. */
const TRANSIENT_BACKOFF: Backoff = { firstMs: 1000, maxMs: 60_000, factor: 2 };

/** Logins get renewed and runs get made without anybody telling us, but not every minute; and servers lock accounts. */
const PERMANENT_BACKOFF: Backoff = { firstMs: 60_000, maxMs: 15 * 60_000, factor: 2 };

/** A tunnel that was up this long starts with a clean slate when it dies. */
export const STABLE_MS = 60_000;

/** Local errors that another try may well not meet again. */
const PASSING_LOCAL_CODES: readonly string[] = ["background-died", "internal"];

/** What kind of failure a start ended with. A failure of the background process keeps its exit code and its code. */
export function classifyFailure(error: unknown): FailureKind {
  if (!(error instanceof AppError)) return "transient";
  if (error.code === "run-ended") return "over";
  switch (error.exitCode) {
    case 2:
    case 4:
    case 5:
      return "permanent";
    case 1:
      return PASSING_LOCAL_CODES.includes(error.code) ? "transient" : "permanent";
    default:
      return "transient";
  }
}

/** The wait after failure number `attempt` in a row (from 1); undefined: no other try until somebody asks for one. */
export function retryDelayMs(kind: FailureKind, attempt: number, random: number): number | undefined {
  switch (kind) {
    case "over":
      return undefined;
    case "permanent":
      return backoffDelayMs(attempt, PERMANENT_BACKOFF, random);
    case "transient":
      return backoffDelayMs(attempt, TRANSIENT_BACKOFF, random);
  }
}
