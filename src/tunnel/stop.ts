// `stop`: ends tunnels and leaves nothing of them, whatever state they are in: running, hanging, crashed, rebooted away.
import { AuthError, InterruptedError } from "../domain/errors.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";
import { askControl, fetchStatus } from "./control/control-client.ts";
import { endProcess, killProcess, waitUntilGone } from "./end-process.ts";
import { healRecord } from "./heal.ts";
import { removeLog } from "./log-files.ts";
import { awaitProcess } from "./look-again.ts";
import { describePorts, type SelectionOptions, selectRecords } from "./selection.ts";
import { holdStopped } from "./service/service-holds.ts";

/** `stop` as asked for. */
export type StopOptions = SelectionOptions & {
  /** How long open connections may take to finish, milliseconds. */
  readonly timeoutMs: number;
  readonly force: boolean;
  readonly ignoreOwner: boolean;
};

/** How one tunnel ended. */
export type Stopped = {
  readonly record: TunnelRecord;
  /** `stopped` by itself, `killed` past the deadline or by force, `cleaned`: it was dead already. */
  readonly how: "stopped" | "killed" | "cleaned";
};

/** Time for a tunnel to undo its configuration after its connections are gone: the remote part crosses the network. */
const CLEAN_UP_MS = 15_000;

/** Stops every tunnel that the options select. Nothing to stop is success. */
export async function stopSelected(options: StopOptions, context: AppContext): Promise<readonly Stopped[]> {
  const { records } = await context.registry.list();
  const selected = selectRecords(records, options, context).filter(
    (record) => context.registry.liveness(record) !== "elsewhere",
  );
  const user = context.processes.currentUser();
  const mine = selected.filter((record) => options.ignoreOwner || record.owner === user);
  const named = options.run !== undefined || options.localPorts !== undefined;
  if (named && mine.length < selected.length) {
    const foreign = selected.find((record) => !mine.includes(record));
    throw new AuthError(`The tunnel to ${foreign?.runName} belongs to user ${foreign?.owner}`, {
      code: "foreign-tunnel",
      hint: "Add --ignore-owner if you may stop it",
    });
  }
  await holdStopped(mine, options, context);
  return stopTunnels(mine, options, context);
}

/** Stops these tunnels, side by side. One that cannot be stopped is reported when all others are through. */
export async function stopTunnels(
  records: readonly TunnelRecord[],
  options: { readonly timeoutMs: number; readonly force: boolean },
  context: AppContext,
): Promise<readonly Stopped[]> {
  try {
    const ends = await Promise.allSettled(records.map((record) => stopTunnel(record, options, context)));
    return ends.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
  } finally {
    context.progress.done();
  }
}

async function stopTunnel(
  seen: TunnelRecord,
  options: { readonly timeoutMs: number; readonly force: boolean },
  context: AppContext,
): Promise<Stopped> {
  const record = await awaitProcess(seen, context);
  if (record === undefined) return { record: seen, how: "stopped" };
  const how = await endTunnel(record, options, context);
  // What the tunnel itself did not undo: it was killed, or it is long dead. Its journal may have grown meanwhile.
  const left = await context.registry.find(record.id);
  if (left !== undefined) await healRecord(left, context);
  if (how !== "cleaned") await removeLog(record, context);
  return { record, how };
}

async function endTunnel(
  record: TunnelRecord,
  options: { readonly timeoutMs: number; readonly force: boolean },
  context: AppContext,
): Promise<Stopped["how"]> {
  const { process } = record;
  const isSeen = process !== undefined && context.processes.isAlive(process);
  if (isSeen && options.force) {
    await killProcess(process, context);
    return "killed";
  }
  const asked = await askToStop(record, options.force ? 0 : options.timeoutMs, context);
  // Ctrl+C ends this command, not the connections that the tunnel still waits for.
  if (context.signal.aborted) throw new InterruptedError("Interrupted; tunnels that were asked to end go on to do so");
  // What cannot be seen from here may still answer, see livenessNow().
  if (!isSeen) return asked ? "stopped" : "cleaned";
  if (asked && (await waitUntilGone(process, CLEAN_UP_MS, context))) return "stopped";
  await endProcess(process, context);
  return "killed";
}

/** Asks over the control channel and waits for the tunnel's last word; false when it does not answer or takes too long. */
async function askToStop(record: TunnelRecord, timeoutMs: number, context: AppContext): Promise<boolean> {
  // Whoever does not say how it is within a second will not say that it has stopped either.
  if (record.control === undefined || (await fetchStatus(record.control, context.signal)) === undefined) return false;
  const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs + CLEAN_UP_MS)]);
  try {
    await askControl(record.control, { kind: "stop", timeoutMs }, deadline, (reply) => {
      if (reply.kind === "draining") {
        const { openConnections: open, inFlightBytes } = reply;
        context.progress.update(
          `${record.runName} (${describePorts(record)}): waiting for ${open} open connection${open === 1 ? "" : "s"}, ${inFlightBytes} bytes in flight; --force does not wait`,
        );
      }
      if (reply.kind === "stopped") for (const message of reply.left ?? []) context.progress.note(message);
      return reply.kind === "stopped";
    });
    return true;
  } catch (error) {
    context.log.debug(`The tunnel did not confirm its stop: ${error}`);
    return false;
  }
}
