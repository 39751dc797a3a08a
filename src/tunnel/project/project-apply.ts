// `up`, `down` and `diff`: the machine and a project file, once and without a supervisor.
import { ConflictError } from "../../domain/errors.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import type { AppContext } from "../context.ts";
import { waitUntilGone } from "../end-process.ts";
import { listSupervisors } from "../service/service-files.ts";
import { startWanted } from "../service/service-fleet.ts";
import { StartGate } from "../start-gate.ts";
import { type Stopped, stopTunnels } from "../stop.ts";
import { type Project, resolveProject, type WantedTunnel } from "./project.ts";
import { planReconcile, type SeenTunnel, type Step } from "./reconcile.ts";

/** What `up` would do about one tunnel. */
export type Change = {
  readonly kind: Step["kind"];
  /** Name of the entry in the file. */
  readonly entry: string;
  readonly runName: string;
  /** The tunnel that runs now. */
  readonly record?: TunnelRecord;
  readonly wanted?: WantedTunnel;
};

/** What `up` did about one tunnel. */
export type Outcome =
  | { readonly kind: "kept" | "started" | "replaced"; readonly entry: string; readonly record: TunnelRecord }
  | { readonly kind: "removed"; readonly entry: string; readonly record: TunnelRecord }
  | { readonly kind: "failed"; readonly entry: string; readonly runName: string; readonly error: unknown };

/** How long a tunnel that is on its way out may take before its place is wanted. */
const LEAVE_PATIENCE_MS = 15_000;

/** Compares the file with what runs. Changes nothing. */
export async function diffProject(project: Project, context: AppContext): Promise<readonly Change[]> {
  const steps = await plan(project, context);
  return steps.map((step): Change => {
    if (step.kind === "remove") {
      const { record } = step;
      return { kind: step.kind, entry: record.managedBy?.entry ?? record.id, runName: record.runName, record };
    }
    const { wanted } = step;
    const { runName } = wanted;
    return {
      kind: step.kind,
      entry: wanted.entry.name,
      runName,
      wanted,
      ...(step.kind === "start" ? {} : { record: step.record }),
    };
  });
}

/** Stops what left the file or changed in it, then starts what is missing, side by side. Failures are outcomes. */
export async function bringUp(project: Project, context: AppContext): Promise<readonly Outcome[]> {
  await refuseSupervised(project, "up", context);
  const steps = await plan(project, context);
  const removed = steps.flatMap((step) => (step.kind === "remove" ? [step.record] : []));
  await stopTunnels(removed, { timeoutMs: LEAVE_PATIENCE_MS, force: false }, context);
  const gate = new StartGate(context.clock);
  const quiet = { ...context, progress: { ...context.progress, update() {}, done() {}, note: noteOf(context) } };
  const outcomes = await Promise.all(
    steps.map(async (step): Promise<Outcome> => {
      if (step.kind === "remove") {
        return { kind: "removed", entry: step.record.managedBy?.entry ?? step.record.id, record: step.record };
      }
      const { name: entry } = step.wanted.entry;
      try {
        return await gate.run(() => carryOut(step, quiet), context.signal);
      } catch (error) {
        return { kind: "failed", entry, runName: step.wanted.runName, error };
      }
    }),
  );
  context.signal.throwIfAborted();
  return outcomes;
}

/** Stops every tunnel that the file names or named, and cleans up behind those that are dead. */
export async function bringDown(
  project: Project,
  options: { readonly timeoutMs: number; readonly force: boolean },
  context: AppContext,
): Promise<readonly Stopped[]> {
  await refuseSupervised(project, "down", context);
  const steps = await plan(project, context);
  const living = steps.flatMap((step) => (step.kind === "start" || step.kind === "blocked" ? [] : [step.record]));
  const dead = (await see(context)).filter(
    ({ liveness, record }) => liveness === "dead" && record.managedBy?.file === project.file,
  );
  return stopTunnels([...living, ...dead.map(({ record }) => record)], options, context);
}

async function carryOut(step: Exclude<Step, { kind: "remove" }>, context: AppContext): Promise<Outcome> {
  const { entry, managedBy } = step.wanted;
  if (step.kind === "keep") return { kind: "kept", entry: managedBy.entry, record: step.record };
  if (step.kind === "replace") {
    await stopTunnels([step.record], { timeoutMs: entry.start.stopTimeoutMs, force: false }, context);
  }
  if (step.kind === "wait" && step.record.process !== undefined) {
    await waitUntilGone(step.record.process, LEAVE_PATIENCE_MS, context);
  }
  const record = await startWanted(step.wanted, "background", { ...context, configuration: entry.configuration });
  return { kind: step.kind === "replace" ? "replaced" : "started", entry: managedBy.entry, record };
}

async function plan(project: Project, context: AppContext): Promise<readonly Step[]> {
  return planReconcile(project.file, await resolveProject(project, context), await see(context));
}

async function see(context: AppContext): Promise<readonly SeenTunnel[]> {
  const { records } = await context.registry.list();
  return records.map((record) => ({ record, liveness: context.registry.liveness(record) }));
}

/** Two who bring a machine to a file would work against each other. */
async function refuseSupervised(project: Project, command: string, context: AppContext): Promise<void> {
  const supervisor = (await listSupervisors(context)).find(({ file }) => file === project.file);
  if (supervisor === undefined) return;
  const instead = command === "up" ? "runtunnel service reload" : "runtunnel service stop";
  throw new ConflictError(
    `A service looks after "${project.file}" (process ${supervisor.process.pid}), "${command}" would work against it`,
    { code: "supervised", hint: `Use: ${instead}` },
  );
}

function noteOf(context: AppContext): (text: string) => void {
  return (text) => context.progress.note(text);
}
