// One page of a list of runs: runs as lists show them, and how many there are. Pure.
import * as v from "valibot";
import type { ListedRun } from "../platform.ts";
import { decodeRun, notUnderstood } from "./api-decoders.ts";
import { decideRunState, type RunState } from "./run-model.ts";

/** Runs of one page, and how many there are in all. */
export type RunPage = { readonly runs: readonly ListedRun[]; readonly total: number };

const text = v.optional(v.nullable(v.string()));

/** A page without runs has no `elements`. */
const pageSchema = v.optional(
  v.object({
    elements: v.optional(v.nullable(v.array(v.unknown())), []),
    totalCount: v.optional(v.nullable(v.number())),
  }),
  {},
);

/** What lists show of a run besides what tunnels need. */
const extrasSchema = v.object({ dockerImage: text, initialized: v.optional(v.nullable(v.boolean())) });

/** Decodes a page. Throws UnreachableError when members have unexpected types. */
export function decodeRunPage(payload: unknown, action: string): RunPage {
  const result = v.safeParse(pageSchema, payload);
  if (!result.success) throw notUnderstood(action, v.getDotPath(result.issues[0]) ?? "no list");
  const elements = result.output.elements ?? [];
  return {
    runs: elements.map((element) => decodeListed(element, action)),
    total: result.output.totalCount ?? elements.length,
  };
}

function decodeListed(element: unknown, action: string): ListedRun {
  const run = decodeRun(element, action);
  const extras = v.safeParse(extrasSchema, element);
  const image = extras.success ? extras.output.dockerImage : undefined;
  const isInitialising = extras.success && extras.output.initialized === false;
  const startedAt = run.startDate === undefined ? undefined : toIso(run.startDate);
  const state = decideRunState(run);
  return {
    id: run.id,
    name: `pipeline-${run.id}`,
    state: run.status,
    phase: state.kind === "ready" && isInitialising ? "waiting" : phaseOf(state),
    ...(run.owner === undefined ? {} : { owner: run.owner }),
    ...(typeof image === "string" && image !== "" ? { image } : {}),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
}

function phaseOf(state: RunState): ListedRun["phase"] {
  switch (state.kind) {
    case "ready":
      return "ready";
    case "sensitive":
      return "closed";
    case "ended":
      return "ended";
    case "paused":
    case "pausing":
      return "paused";
    case "resuming":
    case "scheduled":
    case "no-address":
    case "not-initialised":
    case "unknown-status":
      return "waiting";
  }
}

/** `2024-10-24 10:00:00.000`, which is UTC, as ISO 8601; undefined for what is no date. */
function toIso(date: string): string | undefined {
  const ms = Date.parse(`${date.trim().replace(" ", "T").replace(/Z$/, "")}Z`);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
