// From a run id to a route: run, tasks and EDGE are asked side by side, since a start waits for the slowest only.
import { AppError, AuthError, NotFoundError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { Route } from "../../domain/route.ts";
import type { Secret } from "../../domain/secret.ts";
import type { ResolvedRun, ResolveOptions, SshAccess } from "../platform.ts";
import type { CloudPipelineApi } from "./api.ts";
import { decideEdge, type EdgeOverride, edgeVia, parseEdgeOverride } from "./edge.ts";
import {
  decideInitialised,
  decideInitTask,
  decideRunState,
  incarnationOf,
  type Run,
  type RunState,
  refuseRun,
} from "./run-model.ts";
import type { Session } from "./session.ts";
import { decideSshAccess, findPasswordRun, findSshMode, modeByPreference, type SshMode } from "./ssh-mode.ts";

/** What one resolve works with. */
export type ResolveWork = {
  readonly id: string;
  readonly options: ResolveOptions;
  readonly session: Session;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
};

/** Resolves a run. Throws the error that says most: about the run, then about its tasks, then about EDGE. */
export async function resolveRun(work: ResolveWork): Promise<ResolvedRun> {
  const { id, options, session, environment } = work;
  const task = decideInitTask(environment["CP_SSH_INIT_TASK_NAME"]);
  const override = parseEdgeOverride(environment);
  const runAnswer = settle(session.api.loadRun(id));
  const tasksAnswer = task === undefined ? undefined : settle(session.api.loadTasks(id));
  const edgeAnswer = options.direct ? undefined : settle(findEdgeUrl(session.api, override, options.region));
  const run = unwrap(await runAnswer);
  const own = decideRunState(run);
  if (own.kind !== "ready") throw refuseRun(id, own);
  const state: RunState =
    task === undefined || tasksAnswer === undefined ? own : decideInitialised(own, unwrap(await tasksAnswer), task);
  if (state.kind !== "ready") throw refuseRun(id, state);
  const [access, edge] = await Promise.all([findSshAccess(work, run), edgeAnswer]);
  const route: Route =
    edge === undefined
      ? { transport: "direct", host: state.host }
      : {
          transport: "http-connect",
          host: state.host,
          via: edgeVia(decideEdge(unwrap(edge), override, options.region), session.token),
        };
  return {
    platform: "cloud-pipeline",
    id,
    name: `pipeline-${id}`,
    incarnation: incarnationOf(run),
    route,
    ...(access.ssh === undefined ? {} : { ssh: access.ssh }),
    notes: [...session.notes, ...access.notes],
  };
}

/** The address of EDGE as the platform tells it; not asked for where the user names it in full. */
export async function findEdgeUrl(
  api: CloudPipelineApi,
  override: EdgeOverride,
  region: string | undefined,
): Promise<string | undefined> {
  if (override.host !== undefined && override.port !== undefined) return undefined;
  return api.findEdgeUrl(region);
}

type FoundAccess = { readonly ssh?: SshAccess; readonly notes: readonly string[] };

/** Logins are looked up only where somebody wants to log in: that takes up to two more calls. */
async function findSshAccess(work: ResolveWork, run: Run): Promise<FoundAccess> {
  const rights = run.sshPassword === undefined ? [noRights(work.id)] : [];
  if (work.options.sshWanted === false) return { notes: rights };
  const fixed = findSshMode(run);
  const [mode, { password, notes }] = await Promise.all([fixed ?? askMode(work), findPassword(work, run)]);
  if (password === undefined) return { notes };
  const caller = mode === "user" ? await work.session.api.whoAmI() : undefined;
  return { ssh: decideSshAccess({ run, mode, password, caller }), notes };
}

async function askMode(work: ResolveWork): Promise<SshMode> {
  try {
    return modeByPreference(await work.session.api.findRootPreference());
  } catch (error) {
    if (!(error instanceof AppError) || work.options.signal.aborted) throw error;
    work.log.debug("The preference for root logins cannot be read; root it is", { reason: error.message });
    return modeByPreference(undefined);
  }
}

/** A worker whose users are shared takes the password of its parent. */
async function findPassword(
  work: ResolveWork,
  run: Run,
): Promise<{ readonly password?: Secret; readonly notes: readonly string[] }> {
  const parent = findPasswordRun(run);
  const source = parent === undefined ? run : await loadParent(work, parent);
  const password = source?.sshPassword;
  if (password !== undefined) return { password, notes: [] };
  return { notes: [parent === undefined ? noRights(work.id) : noParentRights(work.id, parent)] };
}

async function loadParent(work: ResolveWork, parent: string): Promise<Run | undefined> {
  try {
    return await work.session.api.loadRun(parent);
  } catch (error) {
    if (error instanceof NotFoundError || (error instanceof AuthError && error.code === "run-access-denied")) {
      return undefined;
    }
    throw error;
  }
}

function noRights(id: string): string {
  return `You have no SSH rights on run ${id}: passwordless SSH is not possible, and EDGE may refuse all ports. Ask its owner to share the run for SSH`;
}

function noParentRights(id: string, parent: string): string {
  return `Run ${id} takes its password from run ${parent}, which you have no SSH rights on: passwordless SSH is not possible`;
}

type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Keeps a rejection until somebody looks at it, so that an answer nobody waits for any more does no harm. */
function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  );
}

function unwrap<T>(settled: Settled<T>): T {
  if (settled.ok) return settled.value;
  throw settled.error;
}
