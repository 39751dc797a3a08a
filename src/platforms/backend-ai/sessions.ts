// Finds a session by name or id and decides whether it can be connected to.
import * as v from "valibot";
import { AppError, NotFoundError, UnreachableError, UsageError } from "../../domain/errors.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { BackendAiApi } from "./api.ts";
import { hasWrappedGraphQl } from "./api-version.ts";

/** A session that can be connected to, as far as the server says. */
export type FoundSession = {
  /** UUID; undefined where an old server does not tell it. */
  readonly id: string | undefined;
  readonly name: string;
  readonly status: string;
  /** Changes with every new container behind the same name. */
  readonly incarnation: string;
};

/** One session as lists show it. */
export type SessionRow = {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly accessKey?: string | undefined;
};

/** What a status means for a tunnel. */
export function phaseOf(status: string): "ready" | "waiting" | "ended" {
  if (ENDED.includes(status)) return "ended";
  return PENDING.includes(status) ? "waiting" : "ready";
}

/** What a list of matches amounts to. */
export type MatchDecision =
  | { readonly kind: "ready"; readonly row: SessionRow }
  | { readonly kind: "pending"; readonly row: SessionRow }
  | { readonly kind: "ended"; readonly row: SessionRow }
  | { readonly kind: "ambiguous"; readonly rows: readonly SessionRow[] }
  | { readonly kind: "none" };

/** Statuses of sessions that are over. */
export const ENDED = ["TERMINATING", "TERMINATED", "ERROR", "CANCELLED"];

/** RUNNING_DEGRADED and states we have not heard of are left to the server's judgement. */
const PENDING = [
  "PENDING",
  "SCHEDULED",
  "PREPARING",
  "PULLING",
  "PREPARED",
  "CREATING",
  "RESTARTING",
  "DEPRIORITIZING",
  "RESERVED",
  "PREEMPTED",
  "RESCHEDULING",
];

/** Rows as the match call gives them: newest first, ended sessions included. */
export function decideMatch(rows: readonly SessionRow[]): MatchDecision {
  const live = rows.filter((row) => !ENDED.includes(row.status));
  const [first, ...others] = live;
  if (first === undefined) return rows[0] === undefined ? { kind: "none" } : { kind: "ended", row: rows[0] };
  if (others.length > 0) return { kind: "ambiguous", rows: live };
  return { kind: PENDING.includes(first.status) ? "pending" : "ready", row: first };
}

/** Finds the session. Throws NotFoundError for unknown and ended ones, a transient UnreachableError while it starts. */
export async function getSession(api: BackendAiApi, reference: string): Promise<FoundSession> {
  const matches = (await findMatches(api, reference)) ?? [];
  if (matches.length > 0) return takeMatch(decideMatch(matches), reference);
  const listed = await findListed(api, reference);
  if (listed.length > 0) return takeMatch(decideMatch(listed), reference);
  return getByInfo(api, reference);
}

function takeMatch(decision: MatchDecision, reference: string): FoundSession {
  switch (decision.kind) {
    case "ready":
      return { ...decision.row, incarnation: decision.row.id };
    case "pending":
      throw pendingError(decision.row.name, decision.row.status);
    case "ended":
      throw endedError(decision.row.name, decision.row.status);
    case "ambiguous":
      throw new UsageError(
        `Session "${reference}" is ambiguous: ${decision.rows.length} live sessions have this name`,
        {
          code: "ambiguous-run",
          hop: "run-state",
          hint: `Give one of the ids: ${decision.rows.map((row) => row.id).join(", ")}`,
        },
      );
    case "none":
      throw missingError(reference);
  }
}

function pendingError(name: string, status: string): UnreachableError {
  return new UnreachableError(`Session "${name}" is not running yet: ${describeStatus(status)}`, {
    code: "run-not-ready",
    hop: "run-state",
    hint: "Wait until it runs, then start the tunnel again",
  });
}

function endedError(name: string, status: string): NotFoundError {
  return new NotFoundError(`Session "${name}" ${describeStatus(status)}`, {
    code: "run-ended",
    hop: "run-state",
    hint: "Start a new session; a name may be used again once its session has ended",
  });
}

function missingError(reference: string): NotFoundError {
  return new NotFoundError(`Backend.AI has no session "${reference}"`, {
    code: "no-such-run",
    hop: "run-state",
    hint: "Give the session's whole name or its id; sessions of other users and key pairs are not visible",
  });
}

/** A status in words. */
function describeStatus(status: string): string {
  switch (status) {
    case "TERMINATING":
      return "is ending (TERMINATING)";
    case "TERMINATED":
      return "has ended (TERMINATED)";
    case "CANCELLED":
      return "was cancelled before it ran (CANCELLED)";
    case "ERROR":
      return "has failed (ERROR)";
    case "PENDING":
      return "it waits for free resources (PENDING)";
    case "PULLING":
      return "its image is being pulled (PULLING)";
    case "RESTARTING":
      return "it is restarting (RESTARTING)";
    default:
      return `it is ${quoteForeign(status)}`;
  }
}

const rowSchema = v.object({
  id: v.string(),
  name: v.optional(v.nullable(v.string())),
  status: v.string(),
});
const matchSchema = v.object({ matches: v.array(rowSchema) });

/** Undefined where the server does not know the call. */
async function findMatches(api: BackendAiApi, reference: string): Promise<readonly SessionRow[] | undefined> {
  const answer = await optional(
    api.call({
      action: `Cannot find session "${reference}"`,
      path: `/session/_/match?id=${encodeURIComponent(reference)}`,
    }),
  );
  const decoded = v.safeParse(matchSchema, answer?.body);
  if (!decoded.success) return undefined;
  return decoded.output.matches.map((row) => ({ ...row, name: row.name ?? reference }));
}

const listedSchema = v.object({
  compute_session_list: v.object({
    items: v.array(
      v.object({
        session_id: v.string(),
        name: v.nullable(v.string()),
        status: v.string(),
        access_key: v.optional(v.nullable(v.string())),
      }),
    ),
  }),
});

const LIST_QUERY = `query($limit:Int!, $offset:Int!, $filter:String) {
  compute_session_list(limit:$limit, offset:$offset, filter:$filter) {
    items { session_id name status access_key } total_count
  }
}`;

/** Sessions by name that the user may see, those of the user's other key pairs included. */
async function findListed(api: BackendAiApi, reference: string): Promise<readonly SessionRow[]> {
  const wrapped = hasWrappedGraphQl(api.apiVersion);
  const field = isUuid(reference) ? "id" : "name";
  const answer = await optional(
    api.call({
      action: `Cannot look for session "${reference}"`,
      method: "POST",
      path: wrapped ? "/admin/gql" : "/admin/graphql",
      json: { query: LIST_QUERY, variables: { limit: 20, offset: 0, filter: `${field} == "${reference}"` } },
      repeatable: true,
    }),
  );
  const body = answer?.body;
  const data = wrapped && typeof body === "object" && body !== null && "data" in body ? body.data : body;
  const decoded = v.safeParse(listedSchema, data);
  if (!decoded.success) return [];
  return decoded.output.compute_session_list.items
    .filter((item) => item.session_id === reference.toLowerCase() || item.name === reference)
    .map((item) => ({
      id: item.session_id,
      name: item.name ?? reference,
      status: item.status,
      accessKey: item.access_key ?? undefined,
    }));
}

const infoSchema = v.object({
  status: v.string(),
  containerId: v.optional(v.nullable(v.string())),
  creationTime: v.optional(v.nullable(v.union([v.string(), v.number()]))),
});

/** The oldest way: no id, but a status and something that changes with the container. */
async function getByInfo(api: BackendAiApi, reference: string): Promise<FoundSession> {
  const answer = await optional(
    api.call({ action: `Cannot find session "${reference}"`, path: `/session/${encodeURIComponent(reference)}` }),
  );
  const decoded = v.safeParse(infoSchema, answer?.body);
  if (!decoded.success) throw missingError(reference);
  const { status, containerId, creationTime } = decoded.output;
  if (ENDED.includes(status)) throw endedError(reference, status);
  if (PENDING.includes(status)) throw pendingError(reference, status);
  const id = isUuid(reference) ? reference.toLowerCase() : undefined;
  return { id, name: reference, status, incarnation: id ?? `${containerId ?? ""}/${creationTime ?? ""}` };
}

/** Whether the text is a session id. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text);
}

/** Undefined where the server does not know the call or the thing asked for; ambiguity and refusals go on. */
async function optional<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    if (error instanceof UsageError && error.code !== "ambiguous-run") return undefined;
    if (error instanceof AppError && ["not-json", "server-error"].includes(error.code) && !error.transient)
      return undefined;
    throw error;
  }
}
