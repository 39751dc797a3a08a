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
  /** Successes in a row that are still wanted before the tunnel counts as healthy again. */
  readonly successesNeeded?: number;
  readonly lastFailure?: Failure;
  /** Last measured time from dial to answer, milliseconds. */
  readonly roundTripMs?: number;
  readonly lastSuccessAt?: number;
};

/** Failures in a row after which a tunnel counts as unhealthy: one is an accident, three are not. */
export const UNHEALTHY_AFTER = 3;

/** Successes in a row after which an unhealthy tunnel counts as healthy: a route that comes and goes is not back yet. */
const HEALTHY_AFTER = 2;

/** Health before anything is known. */
export function initialHealth(now: number): Health {
  return { state: "starting", since: now, failuresInRow: 0 };
}

/** Health after the remote side was reached. */
export function afterSuccess(health: Health, now: number, roundTripMs: number | undefined): Health {
  if (health.state === "ended") return health;
  const successesNeeded = Math.max(0, (health.successesNeeded ?? 0) - 1);
  const state = successesNeeded === 0 ? "healthy" : "degraded";
  return {
    ...health,
    state,
    since: health.state === state ? health.since : now,
    failuresInRow: 0,
    successesNeeded,
    lastSuccessAt: now,
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
  };
}

/** Health after a probe or a dial failed. A run that is reached and only refuses the port never counts as unhealthy:
 * services in a run often start later than it. */
export function afterFailure(health: Health, failure: Failure, unhealthyAfter = UNHEALTHY_AFTER): Health {
  if (health.state === "ended") return health;
  const failuresInRow = health.failuresInRow + 1;
  const isUnhealthy = failuresInRow >= unhealthyAfter && !isPortOnly(failure);
  const state = isUnhealthy ? "unhealthy" : "degraded";
  return {
    ...health,
    state,
    since: health.state === state ? health.since : failure.at,
    failuresInRow,
    successesNeeded: isUnhealthy ? HEALTHY_AFTER : Math.max(1, health.successesNeeded ?? 0),
    lastFailure: failure,
  };
}

/** Health after the run ended; final. */
export function afterEnd(health: Health, failure: Failure): Health {
  return { ...health, state: "ended", since: failure.at, lastFailure: failure };
}

function isPortOnly(failure: Failure): boolean {
  return failure.code === "remote-port-refused";
}
