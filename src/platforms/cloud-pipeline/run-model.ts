// What a run is and whether it may be connected to: the rules of the platform's own client, told in plain words. Pure.
import { type AppError, AuthError, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";

/** A parameter that a run was started with. */
export type RunParameter = { readonly name: string; readonly value?: string };

/** The members of a run that tunnels need. */
export type Run = {
  readonly id: string;
  readonly status: string;
  readonly podIp?: string;
  /** Present only for those who may log in: owner, administrators, people the run is shared with for SSH. */
  readonly sshPassword?: Secret;
  readonly owner?: string;
  readonly sensitive: boolean;
  readonly platform?: string;
  readonly parameters: readonly RunParameter[];
  readonly nodeIp?: string;
  readonly nodeId?: string;
  readonly startDate?: string;
};

/** One step in the life of a run. */
export type RunTask = { readonly name: string; readonly status: string };

/** What stands in the way of connecting to a run, or its address. */
export type RunState =
  | { readonly kind: "ready"; readonly host: string }
  | { readonly kind: "sensitive" }
  | { readonly kind: "ended"; readonly status: string }
  | { readonly kind: "paused" }
  | { readonly kind: "pausing" }
  | { readonly kind: "resuming" }
  | { readonly kind: "scheduled" }
  | { readonly kind: "no-address" }
  | { readonly kind: "unknown-status"; readonly status: string }
  | { readonly kind: "not-initialised"; readonly task: string; readonly status: string | undefined };

/** The task that must have succeeded before a run can be logged in to. */
const DEFAULT_INIT_TASK = "InitializeEnvironment";

/** The task to wait for: the variable's value, the default, or undefined where the user wants no check (`NONE`). */
export function decideInitTask(variable: string | undefined): string | undefined {
  const name = variable?.trim() ?? "";
  if (name === "NONE") return undefined;
  return name === "" ? DEFAULT_INIT_TASK : name;
}

/** The state of a run by itself, tasks aside. */
export function decideRunState(run: Run): RunState {
  if (run.sensitive) return { kind: "sensitive" };
  switch (run.status) {
    case "SUCCESS":
    case "FAILURE":
    case "STOPPED":
      return { kind: "ended", status: run.status };
    case "PAUSED":
      return { kind: "paused" };
    case "PAUSING":
      return { kind: "pausing" };
    case "RESUMING":
      return { kind: "resuming" };
    case "SCHEDULED":
      return { kind: "scheduled" };
    case "RUNNING":
      break;
    default:
      return { kind: "unknown-status", status: run.status };
  }
  if (run.nodeIp === undefined) return { kind: "scheduled" };
  return run.podIp === undefined ? { kind: "no-address" } : { kind: "ready", host: run.podIp };
}

/** The state of a run with its tasks: a ready run whose task has not succeeded is not ready. */
export function decideInitialised(state: RunState, tasks: readonly RunTask[], task: string): RunState {
  if (state.kind !== "ready") return state;
  const named = tasks.filter((candidate) => candidate.name === task);
  if (named.some((candidate) => candidate.status === "SUCCESS")) return state;
  return { kind: "not-initialised", task, status: named.at(-1)?.status };
}

/** The error for a run that cannot be connected to; its `code` is stable, `transient` says whether waiting may help. */
export function refuseRun(id: string, state: Exclude<RunState, { kind: "ready" }>): AppError {
  const watch = '"runtunnel runs" shows how far it is';
  switch (state.kind) {
    case "sensitive":
      return new AuthError(`Run ${id} is sensitive: Cloud Pipeline allows tunnels only to runs that are not`, {
        code: "run-sensitive",
        hop: "run-state",
        hint: "Use the web terminal of the run, or start a run without sensitive storages",
      });
    case "ended":
      return new NotFoundError(`Run ${id} has ended: ${describeEnd(state.status)}`, {
        code: "run-ended",
        hop: "run-state",
        hint: 'Start a new run, then "runtunnel start NEW-RUN-ID"; "runtunnel runs" lists the active ones',
      });
    case "paused":
      return waiting(id, "run-paused", "is paused", `Resume it on its page in Cloud Pipeline. ${watch}`, false);
    case "pausing":
      return waiting(id, "run-pausing", "is being paused", `Resume it once it is paused. ${watch}`, false);
    case "resuming":
      return waiting(id, "run-resuming", "is being resumed", `Try again in a few minutes. ${watch}`, true);
    case "scheduled":
      return waiting(id, "run-scheduled", "waits for a machine", `Try again in a few minutes. ${watch}`, true);
    case "no-address":
      return waiting(id, "run-no-address", "has no address yet", `Try again in a minute. ${watch}`, true);
    case "unknown-status":
      return waiting(id, "run-unknown-state", `is in an unknown state "${state.status}"`, watch, false);
    case "not-initialised":
      return notInitialised(id, state.task, state.status);
  }
}

/** Changes when another machine answers behind the same run id. */
export function incarnationOf(run: Run): string {
  return [run.podIp, run.startDate, run.nodeId, run.nodeIp].map((part) => part ?? "-").join(" ");
}

/** Value of a run's parameter. */
export function findParameter(run: Run, name: string): string | undefined {
  const value = run.parameters.find((parameter) => parameter.name === name)?.value?.trim();
  return value === "" ? undefined : value;
}

function notInitialised(id: string, task: string, status: string | undefined): AppError {
  const failed = status === "FAILURE" || status === "STOPPED";
  const found = status === undefined ? "has not begun" : failed ? "has failed" : `is ${status.toLowerCase()}`;
  const override = `set CP_SSH_INIT_TASK_NAME=NONE if the run can be used without it`;
  return waiting(
    id,
    "run-not-initialised",
    `is not initialised: its task "${task}" ${found}`,
    failed
      ? `Look at the log of the task on the page of the run, or ${override}`
      : `Try again in a minute, or ${override}`,
    !failed,
  );
}

function waiting(id: string, code: string, state: string, hint: string, transient: boolean): AppError {
  return new UnreachableError(`Run ${id} ${state}`, { code, hop: "run-state", hint, transient });
}

function describeEnd(status: string): string {
  switch (status) {
    case "SUCCESS":
      return "it finished successfully";
    case "FAILURE":
      return "it failed";
    default:
      return "it was stopped";
  }
}
