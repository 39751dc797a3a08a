// `start`: from a run's name to a tunnel that was seen to work, in the background or here.
import type { ConflictFlags } from "../domain/conflict.ts";
import { AppError } from "../domain/errors.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import { startBackground } from "../os/background/start-background.ts";
import { selfCommand } from "../os/self.ts";
import type { ManagedBy, TunnelRecord } from "../registry/record.ts";
import { type Claim, claimTunnel, type Wanted } from "./claim.ts";
import { type AppContext, platformContext } from "./context.ts";
import { decidePorts } from "./decide-ports.ts";
import { endProcess } from "./end-process.ts";
import { healRecord, healRegistry } from "./heal.ts";
import { identifyRun } from "./identify-run.ts";
import { prepareLogFile, pruneLogs, removeLog } from "./log-files.ts";
import { getPlatform } from "./run-access.ts";
import { type ServeEnd, serveTunnel } from "./serve.ts";
import { stopTunnels } from "./stop.ts";
import { waitForOther, waitUntilReady } from "./wait-ready.ts";

/** `start` as asked for. */
export type StartOptions = {
  readonly run: string;
  readonly platform?: string;
  /** Its ports may be empty where the platform can tell what to reach. */
  readonly spec: Omit<TunnelSpec, "platform" | "run">;
  /** Whether the user named the remote ports; else they repeat the local ones. */
  readonly remotePortsGiven: boolean;
  /** Absent: existing tunnels are not looked at (`--ignore-existing`). */
  readonly conflict?: ConflictFlags;
  readonly timeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly foreground: boolean;
  /** Absolute path; absent: a file in the state folder. */
  readonly logFile?: string;
  /** The file that the tunnel comes from, where a supervisor or `up` starts it. */
  readonly managedBy?: ManagedBy & { readonly mode: "background" | "service" };
};

/** How a start went. */
export type StartResult =
  | { readonly kind: "started"; readonly record: TunnelRecord; readonly tookMs: number }
  /** A tunnel that was there already is used. */
  | { readonly kind: "kept"; readonly record: TunnelRecord }
  /** A foreground tunnel came up and has ended. */
  | { readonly kind: "served"; readonly end: ServeEnd };

/** Starts a tunnel. `onReady` is called when a foreground tunnel is up. */
export async function startTunnel(
  options: StartOptions,
  context: AppContext,
  onReady: (record: TunnelRecord, tookMs: number) => void,
): Promise<StartResult> {
  const startedAt = context.clock.monotonicMs();
  await healRegistry(context);
  await pruneLogs(context);
  const reference = await identifyRun(options.run, options.platform, context.platforms, await platformContext(context));
  const ports = decidePorts(options, getPlatform(reference.platform, context.platforms));
  const spec: TunnelSpec = { ...options.spec, platform: reference.platform, run: reference.id, ports };
  checkListenAddress(spec, context);
  const claim = await claimOrReplace(wantedTunnel(spec, options, context), options, context);
  if (claim.kind === "kept") return { kind: "kept", record: claim.record };
  const { record } = claim;
  const tookMs = (): number => context.clock.monotonicMs() - startedAt;
  if (options.foreground) {
    const end = await serveTunnel(record.id, context, (ready) => onReady(ready, tookMs()));
    return { kind: "served", end };
  }
  return { kind: "started", record: await startInBackground(record, options.timeoutMs, context), tookMs: tookMs() };
}

function wantedTunnel(spec: TunnelSpec, options: StartOptions, context: AppContext): Wanted {
  const platform = getPlatform(spec.platform, context.platforms);
  return {
    spec,
    runName: platform.displayName(spec.run),
    mode: options.foreground ? "foreground" : (options.managedBy?.mode ?? "background"),
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    ...(options.managedBy === undefined ? {} : { managedBy: withoutMode(options.managedBy) }),
    ...(options.conflict === undefined ? {} : { conflict: options.conflict }),
  };
}

function withoutMode({ file, entry, digest }: ManagedBy): ManagedBy {
  return { file, entry, digest };
}

/** Asks for the ports; stops the tunnels that the flags allow to replace and asks again. */
async function claimOrReplace(
  wanted: Wanted,
  options: StartOptions,
  context: AppContext,
): Promise<Exclude<Claim, { kind: "replace" }>> {
  for (;;) {
    const claim = await claimTunnel(wanted, context);
    if (claim.kind === "created") return claim;
    if (claim.kind === "kept") {
      // "Up" is what keeping promises, too: the other start may still be on its way, or fail.
      const record = await waitForOther(claim.record.id, options.timeoutMs, context);
      if (record !== undefined) return { kind: "kept", record };
      await healRegistry(context);
      continue;
    }
    await stopTunnels(claim.records, { timeoutMs: options.stopTimeoutMs, force: false }, context);
  }
}

/** Runs this program again as the body of the tunnel and waits until the tunnel works. */
async function startInBackground(record: TunnelRecord, timeoutMs: number, context: AppContext): Promise<TunnelRecord> {
  try {
    const logFile = await prepareLogFile(record, context);
    await context.registry.write({ ...record, logFile });
    const child = await startBackground({
      command: [...selfCommand(), "serve", record.id],
      environment: context.configuration.childEnvironment,
      input: context.configuration.handover(logFile),
      outputFile: logFile,
      workingFolder: context.folders.state,
    });
    try {
      return await waitUntilReady(record.id, child, timeoutMs, context);
    } catch (error) {
      await endProcess(context.processes.find(child.pid), context);
      throw error;
    } finally {
      child.release();
    }
  } catch (error) {
    const left = (await context.registry.find(record.id).catch(() => undefined)) ?? record;
    await healRecord(left, context);
    if (!isMysterious(error)) await removeLog(left, context);
    throw error;
  } finally {
    context.progress.done();
  }
}

/** Whether the log may tell more than the error does. */
function isMysterious(error: unknown): boolean {
  return !(error instanceof AppError) || ["background-died", "internal", "start-timeout"].includes(error.code);
}

function checkListenAddress(spec: TunnelSpec, context: AppContext): void {
  if (/^127\.|^::1$|^localhost$/.test(spec.listenAddress)) return;
  context.progress.note(
    `warning: listening on ${spec.listenAddress}: everybody who can reach this machine can use the tunnel`,
  );
}
