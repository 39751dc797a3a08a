// The body of every tunnel, in the foreground, in the background and under a service manager: listens, reaches the run,
// keeps its record true, and cleans up at the end.
import type { Backoff } from "../domain/backoff.ts";
import { AppError, ConflictError, errorMessage, InterruptedError, NotFoundError } from "../domain/errors.ts";
import { retry } from "../domain/retry.ts";
import { releaseMemory } from "../os/memory.ts";
import type { ResolvedRun } from "../platforms/platform.ts";
import type { RecordFailure, TunnelRecord } from "../registry/record.ts";
import { awaitRemote } from "./await-remote.ts";
import type { AppContext } from "./context.ts";
import { isAwaited } from "./heal.ts";
import { OwnRecord } from "./own-record.ts";
import { requireSshAccess } from "./ssh/ssh-access.ts";
import { undoConfiguration } from "./ssh/undo-configuration.ts";
import { StartPhase } from "./start-phase.ts";
import { StopRequest } from "./stop-request.ts";
import { TunnelServer } from "./tunnel-server.ts";

/** Setting SSH up for a new machine is tried for about an hour: initialising a run takes minutes, rarely more. */
const RENEW_ATTEMPTS = 70;
const RENEW_BACKOFF: Backoff = { firstMs: 1000, maxMs: 60_000, factor: 2 };

/** All waits of a start end with the tunnel's signal; a step that goes on all the same (a name server that is mute) has
 * nothing to undo, and the record takes no more steps then. */
const CALLED_OFF_PATIENCE_MS = 3000;

/** One look at one folder: often enough for who removed it by mistake, rarely enough for a slow file server. */
const RECORD_LOOK_MS = 10_000;

/** Why a tunnel ended. */
export type ServeEnd = { readonly reason: "stopped" | "run-over"; readonly message: string };

/** Serves the tunnel of a record until it is told to stop or its run is over. `onReady` is called once, when the remote
 * side was reached. Throws when the tunnel cannot start; the record then holds the failure for whoever waits for it. */
export async function serveTunnel(
  id: string,
  outer: AppContext,
  onReady: (record: TunnelRecord) => void,
): Promise<ServeEnd> {
  const record = await takeRecord(id, outer);
  const phase = new StartPhase(record, outer.log);
  const context = { ...outer, log: phase.log };
  const stop = new StopRequest(context.signal);
  const server: TunnelServer = new TunnelServer(record.value.spec, context, stop, (run) => {
    context.log.info(`Another machine answers for ${run.name}`, { incarnation: run.incarnation });
    renewing = renewing.then(() => adaptToNewMachine(run, record, server, context));
  });
  let renewing: Promise<void> = Promise.resolve();
  const bringing = bringUp(record, server, phase, context);
  try {
    await stop.unlessStopped(bringing);
    onReady(record.value);
    releaseMemory();
    const watching = Promise.all([server.watch(), keepRecord(record, server.signal, context)]);
    const cause = await stop.wait();
    // A disk that is full now is no reason to cut connections off.
    await record.update({ state: "stopping" }).catch((error: unknown) => context.log.warning(errorMessage(error)));
    await server.drain();
    server.close();
    await watching;
    return cause.kind === "run-over"
      ? { reason: "run-over", message: cause.message }
      : { reason: "stopped", message: "Stopped" };
  } catch (error) {
    await record.update({ state: "failed", failure: toFailure(error) }).catch(() => undefined);
    throw error;
  } finally {
    server.close();
    await settled(bringing, context);
    await renewing;
    await leave(record, stop, context);
    server.closeControl();
  }
}

/** Waits for a start that was called off: what it is at must be done before it can be undone. */
async function settled(bringing: Promise<void>, { clock }: AppContext): Promise<void> {
  const done = new AbortController();
  const patience = clock.sleep(CALLED_OFF_PATIENCE_MS, done.signal).catch(() => undefined);
  await Promise.race([bringing.catch(() => undefined), patience]);
  done.abort();
}

/** Puts the record back when its folder was cleared: people tidy up, and some systems do so by themselves. */
async function keepRecord(record: OwnRecord, signal: AbortSignal, { clock, log }: AppContext): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(RECORD_LOOK_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      if (await record.restore()) log.warning("The tunnel's record was gone; it is written again");
    } catch (error) {
      log.debug(`Cannot look after the tunnel's record: ${errorMessage(error)}`);
    }
  }
}

/** Takes the record over for this process. Two processes never serve the same tunnel. */
async function takeRecord(id: string, context: AppContext): Promise<OwnRecord> {
  const { processes, registry } = context;
  return registry.locked(async () => {
    const found = await registry.find(id);
    if (found === undefined) {
      throw new NotFoundError(`There is no tunnel "${id}" in the registry`, {
        hint: 'Start one with "runtunnel start RUN -lp PORT -rp PORT"',
      });
    }
    const self = processes.self();
    if (registry.liveness(found) === "alive" && found.process?.pid !== self.pid) {
      throw new ConflictError(`Tunnel "${id}" is already served by process ${found.process?.pid}`);
    }
    const { failure: _failure, readyAt: _readyAt, ...rest } = found;
    const record = new OwnRecord({ ...rest, machine: processes.machine(), state: "starting", process: self }, registry);
    await record.update({});
    return record;
  });
}

/** Everything between an empty process and a healthy tunnel. */
async function bringUp(record: OwnRecord, server: TunnelServer, phase: StartPhase, context: AppContext): Promise<void> {
  const { spec } = record.value;
  const { ports, warnings } = await server.listen();
  const boundPorts = ports.map(({ local, remote }) => ({ local, remote }));
  const control = server.openControl();
  await phase.enter("asking the platform for the run", { boundPorts, warnings, control });
  const { run } = await server.route.get();
  await phase.enter(`reaching ${run.name}`, {
    runName: run.name,
    boundPorts: boundPorts.map(({ local, remote }) => ({ local, remote: remote || (run.defaultRemotePort ?? 0) })),
  });
  // Before anything is dialled: nobody should wait for a run to learn that an option is missing.
  if (spec.ssh !== undefined) requireSshAccess(run, spec);
  const { roundTripMs, refusals } = await awaitRemote(spec, server.route, context, server.signal);
  if (roundTripMs !== undefined) server.monitor.succeed(roundTripMs);
  for (const refusal of refusals) server.monitor.fail(refusal);
  const notes = [...run.notes, ...refusals.map((refusal) => `Nothing answers yet: ${refusal.message}`)];
  if (spec.ssh !== undefined) {
    await phase.enter("setting up passwordless SSH");
    const { setUpSsh } = await import("./ssh/ssh-setup.ts");
    notes.push(...(await setUpSsh(run, spec.ssh, record, server.route, context, server.signal)));
  }
  phase.end();
  await record.update({
    state: "ready",
    readyAt: context.clock.now(),
    warnings: [...record.value.warnings, ...notes],
  });
}

/** The SSH clients' knowledge of the run is about the machine that was; theirs must be about the one that is. */
async function adaptToNewMachine(
  run: ResolvedRun,
  record: OwnRecord,
  server: TunnelServer,
  context: AppContext,
): Promise<void> {
  const { ssh } = record.value.spec;
  if (ssh === undefined || record.value.readyAt === undefined) return;
  const { clock, log, random } = context;
  // A resumed run has its address long before its SSH server lets anybody in.
  const isOutdated = (): boolean => server.route.current?.run.incarnation !== run.incarnation;
  try {
    const { renewSsh } = await import("./ssh/ssh-setup.ts");
    const renewal = await retry(() => renewSsh(run, ssh, record, server.route, context, server.signal), {
      attempts: RENEW_ATTEMPTS,
      backoff: RENEW_BACKOFF,
      clock,
      random,
      signal: server.signal,
      canRetry: () => !isOutdated(),
      onRetry: (error) => log.warning(`SSH of ${run.name} is not set up anew yet: ${errorMessage(error)}`),
    });
    log.info(
      renewal === "kept"
        ? `SSH of ${run.name} works as it is set up`
        : `SSH is set up for the new machine of ${run.name}`,
    );
  } catch (error) {
    if (!server.signal.aborted && !isOutdated()) {
      log.error(`Cannot set up SSH for the new machine of ${run.name}: ${errorMessage(error)}`);
    }
  }
}

/** Undoes what the tunnel configured and takes its record away; a failure stays for the waiting launcher to read. */
async function leave(record: OwnRecord, stop: StopRequest, context: AppContext): Promise<void> {
  let left: readonly string[] = [];
  try {
    left = await undoConfiguration(record.value, context);
    for (const message of left) context.log.warning(message);
    if (!isAwaited(record.value, context)) await record.remove();
  } catch (error) {
    context.log.error(`Cannot clean up behind the tunnel: ${errorMessage(error)}`);
  }
  stop.tell({ kind: "stopped", left });
}

function toFailure(error: unknown): RecordFailure {
  if (!(error instanceof AppError)) return { message: errorMessage(error), code: "internal", exitCode: 1 };
  const { code, exitCode, hint, hop, message } = error;
  return {
    message,
    code: error instanceof InterruptedError ? "interrupted" : code,
    exitCode,
    ...(hop === undefined ? {} : { hop }),
    ...(hint === undefined ? {} : { hint }),
  };
}
