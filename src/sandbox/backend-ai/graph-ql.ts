// The one GraphQL query that clients use: `compute_session_list`, paged, by status, access key, name or id.
import { type Answer, json } from "./answers.ts";
import type { ComputeSession } from "./compute-sessions.ts";
import { readJson, toMembers } from "./read-json.ts";
import type { Release } from "./releases.ts";

/** Largest page that the manager gives. */
const MAX_LIMIT = 100;

/** Statuses that the manager knows; one that it does not fails the whole query. */
const STATUSES = [
  "PENDING",
  "SCHEDULED",
  "PREPARING",
  "PULLING",
  "RUNNING",
  "RESTARTING",
  "RUNNING_DEGRADED",
  "TERMINATING",
  "TERMINATED",
  "ERROR",
  "CANCELLED",
];

/** Statuses that came with later releases. */
const LATER_STATUSES = ["PREPARED", "CREATING"];

/** Answers a query over these sessions, newest first. */
export function answerGraphQl(body: string, sessions: readonly ComputeSession[], release: Release): Answer {
  const { query, variables } = readJson(body);
  if (typeof query !== "string" || !query.includes("compute_session_list")) return failure("Cannot query this field");
  const { limit, offset, filter, status, access_key: accessKey } = toMembers(variables);
  if (typeof limit !== "number" || typeof offset !== "number") return failure("limit and offset are required");
  if (limit > MAX_LIMIT) return failure(`limit must be at most ${MAX_LIMIT}`);
  const statuses = typeof status === "string" ? status.split(",") : undefined;
  const known = release.apiVersion.startsWith("v6.") ? STATUSES : [...STATUSES, ...LATER_STATUSES];
  const unknown = statuses?.find((word) => !known.includes(word));
  if (unknown !== undefined) return failure(`'${unknown}'`);
  const match = /^(name|id) == "([^"]*)"$/.exec(typeof filter === "string" ? filter : "");
  const found = sessions
    .filter((session) => match === null || session[match[1] === "id" ? "id" : "name"] === match[2])
    .filter((session) => statuses === undefined || statuses.includes(session.status))
    .filter((session) => typeof accessKey !== "string" || session.accessKey === accessKey);
  const items = found.slice(offset, offset + limit).map(describeSession);
  return json({ data: { compute_session_list: { items, total_count: found.length } } });
}

function failure(message: string): Answer {
  return json({ data: { compute_session_list: null }, errors: [{ message }] });
}

function describeSession(session: ComputeSession): unknown {
  return {
    session_id: session.id,
    name: session.name,
    type: session.type,
    status: session.status,
    access_key: session.accessKey,
    user_email: "user@example.com",
    image: "cr.backend.ai/stable/python:3.9-ubuntu20.04",
    created_at: new Date(session.createdAt).toISOString(),
    service_ports: JSON.stringify(
      session.apps.map(({ name, protocol, ports }) => ({
        name,
        protocol,
        container_ports: ports,
        host_ports: ports,
      })),
    ),
  };
}
