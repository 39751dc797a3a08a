// The user's runs: own ones page by page, and running ones that others share.
import { AppError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { ListedRun, RunList, RunQuery } from "../platform.ts";
import type { CloudPipelineApi } from "./api.ts";
import type { Session } from "./session.ts";
import { decodeToken } from "./token.ts";

const LIVE = ["RUNNING", "PAUSING", "PAUSED", "RESUMING"];
const ENDED = ["SUCCESS", "FAILURE", "STOPPED"];

/** Runs per call: a run is about 2 KiB of JSON, and answers are bounded. */
const PAGE_SIZE = 100;

const NONE: RunList = { runs: [], isComplete: true };

type Question = {
  readonly kind: "filter" | "shared";
  readonly statuses: readonly string[];
  readonly owners?: readonly string[];
};

/** Lists runs, newest first. An administrator sees own runs only, as any user. */
export async function listRuns(query: RunQuery, session: Session, log: Log): Promise<RunList> {
  const { api, token } = session;
  const facts = decodeToken(token);
  const owner = facts?.user ?? (await api.whoAmI());
  const [own, shared] = await Promise.all([
    loadPages(
      api,
      { kind: "filter", statuses: query.ended ? [...LIVE, ...ENDED] : LIVE, owners: [owner] },
      query.limit,
    ),
    // Everybody's runs are open to an administrator, which is not what "mine" means.
    facts?.isAdministrator === true ? NONE : loadShared(api, query.limit, log),
  ]);
  for (const note of session.notes) log.warning(note);
  const known = new Set(own.runs.map((run) => run.id));
  const runs = [...own.runs, ...shared.runs.filter((run) => !known.has(run.id))].sort(newestFirst);
  return {
    runs: runs.slice(0, query.limit),
    isComplete: own.isComplete && shared.isComplete && runs.length <= query.limit,
  };
}

/** Shared runs are an extra: a platform that does not tell them tells the others all the same. */
async function loadShared(api: CloudPipelineApi, limit: number, log: Log): Promise<RunList> {
  try {
    return await loadPages(api, { kind: "shared", statuses: ["RUNNING"] }, limit);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "api-error") throw error;
    log.debug("Runs that others share cannot be listed", { reason: error.message });
    return NONE;
  }
}

/** Pages until there are no more, or enough. */
async function loadPages(api: CloudPipelineApi, question: Question, limit: number): Promise<RunList> {
  const { kind, ...filter } = question;
  const runs: ListedRun[] = [];
  for (let page = 1; ; page += 1) {
    const pageSize = Math.min(PAGE_SIZE, limit);
    const { runs: more, total } = await api.loadPage(kind, { ...filter, page, pageSize });
    runs.push(...more);
    // A total that is never reached (runs end between two pages) must not keep us asking.
    if (more.length < pageSize || runs.length >= total) return { runs, isComplete: true };
    if (runs.length >= limit) return { runs, isComplete: false };
  }
}

function newestFirst(one: ListedRun, other: ListedRun): number {
  return Number(other.id) - Number(one.id);
}
