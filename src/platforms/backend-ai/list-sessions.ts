// The user's sessions, page by page, by the query that managers of all versions answer.
import * as v from "valibot";
import { AuthError, UnreachableError } from "../../domain/errors.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { ListedRun, RunList, RunQuery } from "../platform.ts";
import type { BackendAiApi } from "./api.ts";
import { hasWrappedGraphQl } from "./api-version.ts";
import { ENDED, phaseOf } from "./sessions.ts";

/** Largest page that managers give. */
const PAGE_SIZE = 100;

/** Statuses of sessions that are not over, as the newest managers know them. */
const LIVE = [
  "PENDING",
  "SCHEDULED",
  "PREPARING",
  "PULLING",
  "PREPARED",
  "CREATING",
  "RUNNING",
  "RUNNING_DEGRADED",
  "RESTARTING",
];

/** Those that every manager knows: an older one refuses a query that names a status it has never heard of. */
const LIVE_ANYWHERE = ["PENDING", "PREPARING", "PULLING", "RUNNING", "RESTARTING"];

const ACTION = "Cannot list your sessions";

const QUERY = `query($limit:Int!, $offset:Int!, $status:String, $access_key:String) {
  compute_session_list(limit:$limit, offset:$offset, status:$status, access_key:$access_key) {
    items { session_id name status user_email image created_at } total_count
  }
}`;

const text = v.optional(v.nullable(v.string()));

const pageSchema = v.object({
  compute_session_list: v.object({
    items: v.array(
      v.object({
        session_id: v.string(),
        name: text,
        status: v.string(),
        user_email: text,
        image: text,
        created_at: text,
      }),
    ),
    total_count: v.optional(v.nullable(v.number())),
  }),
});

const failureSchema = v.object({ errors: v.pipe(v.array(v.object({ message: text })), v.minLength(1)) });

type Page = v.InferOutput<typeof pageSchema>["compute_session_list"];

/** Lists sessions, newest first. `accessKey`: only those of this key pair, which are the ones that calls reach. */
export async function listSessions(
  query: RunQuery,
  api: BackendAiApi,
  accessKey: string | undefined,
): Promise<RunList> {
  try {
    return await loadPages(query, query.ended ? [...LIVE, ...ENDED] : LIVE, api, accessKey);
  } catch (error) {
    if (!(error instanceof UnreachableError) || error.code !== "query-refused") throw error;
    return loadPages(query, query.ended ? [...LIVE_ANYWHERE, ...ENDED] : LIVE_ANYWHERE, api, accessKey);
  }
}

async function loadPages(
  query: RunQuery,
  statuses: readonly string[],
  api: BackendAiApi,
  accessKey: string | undefined,
): Promise<RunList> {
  const rows: Page["items"] = [];
  for (;;) {
    const limit = Math.min(PAGE_SIZE, query.limit);
    const variables = { limit, offset: rows.length, status: statuses.join(","), access_key: accessKey };
    const { items, total_count: total } = await loadPage(variables, api);
    rows.push(...items);
    const isComplete = items.length < limit || rows.length >= (total ?? Number.POSITIVE_INFINITY);
    if (isComplete || rows.length >= query.limit) {
      const runs = nameRuns(rows).sort((one, other) => (other.startedAt ?? "").localeCompare(one.startedAt ?? ""));
      return { runs: runs.slice(0, query.limit), isComplete: isComplete && rows.length <= query.limit };
    }
  }
}

async function loadPage(variables: Readonly<Record<string, unknown>>, api: BackendAiApi): Promise<Page> {
  const wrapped = hasWrappedGraphQl(api.apiVersion);
  const { body } = await api.call({
    action: ACTION,
    method: "POST",
    path: wrapped ? "/admin/gql" : "/admin/graphql",
    json: { query: QUERY, variables },
    repeatable: true,
  });
  const failure = v.safeParse(failureSchema, body);
  if (failure.success) throw refused(failure.output.errors[0]?.message ?? "");
  const data = wrapped && typeof body === "object" && body !== null && "data" in body ? body.data : body;
  const decoded = v.safeParse(pageSchema, data);
  if (decoded.success) return decoded.output.compute_session_list;
  throw new UnreachableError(`${ACTION}: Backend.AI answered in an unknown form`, {
    code: "odd-answer",
    hop: "api",
    transient: false,
    cause: new Error(v.getDotPath(decoded.issues[0]) ?? "no list"),
  });
}

function refused(message: string): AuthError | UnreachableError {
  const said = `${ACTION}: Backend.AI says "${quoteForeign(message)}"`;
  if (/permission|forbidden|not allowed/i.test(message)) {
    return new AuthError(said, { code: "forbidden", hop: "api-login", hint: "Check the key pair" });
  }
  return new UnreachableError(said, { code: "query-refused", hop: "api", transient: false });
}

/** A date without a zone is UTC there, and local time to our runtime. */
function parseDate(text: string): number {
  const isBare = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(text);
  return Date.parse(isBare ? `${text}Z` : text);
}

/** A session is known by its name; where several live ones share it, only the id tells them apart. */
function nameRuns(rows: Page["items"]): ListedRun[] {
  const counts = new Map<string, number>();
  for (const { name, status } of rows) {
    if (phaseOf(status) !== "ended") counts.set(name ?? "", (counts.get(name ?? "") ?? 0) + 1);
  }
  return rows.map((row) => {
    const { session_id: uuid, name, status, user_email: owner, image, created_at: created } = row;
    const startedAt = created === null || created === undefined ? Number.NaN : parseDate(created);
    const isOwnName = name !== null && name !== undefined && name !== "" && counts.get(name) === 1;
    return {
      id: isOwnName && phaseOf(status) !== "ended" ? name : uuid.toLowerCase(),
      name: `session-${name ?? uuid}`,
      state: status,
      phase: phaseOf(status),
      ...(owner === null || owner === undefined ? {} : { owner }),
      ...(image === null || image === undefined ? {} : { image }),
      ...(Number.isNaN(startedAt) ? {} : { startedAt: new Date(startedAt).toISOString() }),
    };
  });
}
