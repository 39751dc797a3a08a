// The health of a tunnel as a state machine: fed with results of probes and dials, asked for a state.
import type { Hop } from "./errors.ts";

/** `starting` until the first result; `degraded` after a failure; `unhealthy` after several in a row; `ended` for good. */
export type HealthState = "starting" | "healthy" | "degraded" | "unhealthy" | "ended";

/** Why something failed, as `status` and `--json` show it. */
export type Failure = { readonly code: string; readonly hop?: Hop; readonly message: string; readonly at: number };

/** Health at one moment. Times in milliseconds since 1970. */
export type Health = {
  readonly state: HealthState;
  readonly since: number;
  readonly failuresInRow: number;
  readonly lastFailure?: Failure;
  /** Last measured time from dial to answer, milliseconds. */
  readonly roundTripMs?: number;
  readonly lastSuccessAt?: number;
};

/** Failures in a row after which a tunnel counts as unhealthy: one is an accident, three are not. */
export const UNHEALTHY_AFTER = 3;

/** Health before anything is known. */
export function initialHealth(now: number): Health {
  return { state: "starting", since: now, failuresInRow: 0 };
}

/** Health after the remote side was reached. */
export function afterSuccess(health: Health, now: number, roundTripMs: number | undefined): Health {
  if (health.state === "ended") return health;
  return {
    ...health,
    state: "healthy",
    since: health.state === "healthy" ? health.since : now,
    failuresInRow: 0,
    lastSuccessAt: now,
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
  };
}

/** Health after a probe or a dial failed. */
export function afterFailure(health: Health, failure: Failure): Health {
  if (health.state === "ended") return health;
  const failuresInRow = health.failuresInRow + 1;
  const state = failuresInRow >= UNHEALTHY_AFTER ? "unhealthy" : "degraded";
  return {
    ...health,
    state,
    since: health.state === state ? health.since : failure.at,
    failuresInRow,
    lastFailure: failure,
  };
}

/** Health after the run ended; final. */
export function afterEnd(health: Health, failure: Failure): Health {
  return { ...health, state: "ended", since: failure.at, lastFailure: failure };
}
