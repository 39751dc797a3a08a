// The launcher's side of the hand-over: waits until the background process says that its tunnel is up or has failed.

import { formatDuration } from "../domain/duration.ts";
import { type AppError, CarriedError, InterruptedError, LocalError, TimeoutError } from "../domain/errors.ts";
import type { BackgroundProcess } from "../os/background/start-background.ts";
import type { RecordFailure, TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";

/** The record is a small local file; looking this often costs little and adds little to the time a start takes. */
const LOOK_INTERVAL_MS = 8;
/** Who waits long waits for a network; a supervisor may wait for fifty tunnels at once. */
const MAX_LOOK_INTERVAL_MS = 200;
/** Exit code of a process that was asked to end. */
const INTERRUPTED_CODE = 130;
/** Looks come no more often than this part of the time already waited. */
const LOOK_SHARE = 50;

/** The record of the tunnel once it is ready. Throws the background process's own error, TimeoutError, or
 * InterruptedError; the caller then clears away what is left. */
export async function waitUntilReady(
  id: string,
  child: BackgroundProcess,
  timeoutMs: number,
  context: AppContext,
): Promise<TunnelRecord> {
  const { clock, progress, registry } = context;
  const startedAt = clock.monotonicMs();
  let exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  void child.exited.then((status) => {
    exit = status;
  });
  let phase = "starting";
  while (!context.signal.aborted) {
    const exitSeen = exit;
    const record = await registry.find(id);
    if (record?.state === "ready") return record;
    if (record?.state === "failed" && record.failure !== undefined) throw carriedError(record.failure);
    if (exitSeen !== undefined) throw earlyExit(exitSeen, record);
    const waitedMs = clock.monotonicMs() - startedAt;
    phase = record?.phase ?? phase;
    progress.update(`${phase} (${formatDuration(waitedMs)})`);
    if (waitedMs > timeoutMs) {
      throw new TimeoutError(`The tunnel was not up within ${formatDuration(timeoutMs)}; it was still ${phase}`, {
        code: "start-timeout",
        hint: "Try again with a longer --timeout (a bare number is milliseconds), or look why with --foreground",
      });
    }
    const intervalMs = Math.min(MAX_LOOK_INTERVAL_MS, Math.max(LOOK_INTERVAL_MS, waitedMs / LOOK_SHARE));
    await clock.sleep(intervalMs, context.signal).catch(() => undefined);
  }
  throw new InterruptedError();
}

/** The record of a tunnel that somebody else is starting, once it is ready; undefined when it comes to nothing. */
export async function waitForOther(
  id: string,
  timeoutMs: number,
  context: AppContext,
): Promise<TunnelRecord | undefined> {
  const { clock, progress, registry } = context;
  const startedAt = clock.monotonicMs();
  while (!context.signal.aborted) {
    const record = await registry.find(id);
    if (record?.state === "ready") return record;
    if (record === undefined || record.state === "failed" || registry.liveness(record) === "dead") return undefined;
    progress.update(`waiting for the tunnel that is being started: ${record.phase ?? "starting"}`);
    if (clock.monotonicMs() - startedAt > timeoutMs) {
      throw new TimeoutError(`The tunnel that is there already was not up within ${formatDuration(timeoutMs)}`, {
        code: "start-timeout",
        hint: 'Look at it with "runtunnel status", or stop it',
      });
    }
    await clock.sleep(MAX_LOOK_INTERVAL_MS, context.signal).catch(() => undefined);
  }
  throw new InterruptedError();
}

/** The failure that another process wrote into its record, as an error of this one. */
function carriedError(failure: RecordFailure): CarriedError {
  const { code, exitCode, hint, hop, message } = failure;
  return new CarriedError(message, exitCode, {
    code,
    ...(hop === undefined ? {} : { hop }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function earlyExit(
  exit: { readonly code: number | null; readonly signal: string | null },
  record: TunnelRecord | undefined,
): AppError {
  // Who stops a tunnel takes its record away, with the failure in it.
  if (record === undefined && (exit.code === INTERRUPTED_CODE || exit.signal !== null)) {
    return new InterruptedError("The tunnel was stopped before it was up");
  }
  const how = exit.signal === null ? `with code ${exit.code}` : `by signal ${exit.signal}`;
  return new LocalError(`The background process ended unexpectedly ${how}`, {
    code: "background-died",
    hint: record?.logFile === undefined ? "Look why with --foreground" : `Read its log: ${record.logFile}`,
  });
}
