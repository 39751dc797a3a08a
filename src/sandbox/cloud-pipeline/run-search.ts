// The part of the platform's search language that clients and EDGE use: `=` on a few fields, joined by AND and OR.
import type { SandboxRun } from "./runs.ts";

/** What a listing was asked for. */
export type Page = {
  readonly page: number;
  readonly pageSize: number;
  readonly filterExpression: unknown;
  readonly statuses: readonly string[] | undefined;
  readonly owners: readonly string[] | undefined;
};

/** Reads the request body of a listing; what is missing or of a wrong type counts as not given. */
export function parsePage(body: unknown): Page {
  const members = toRecord(body);
  const { page, pageSize, filterExpression, statuses, owners } = members;
  return {
    page: typeof page === "number" && page > 0 ? page : 1,
    pageSize: typeof pageSize === "number" && pageSize > 0 ? pageSize : 20,
    filterExpression,
    statuses: Array.isArray(statuses) ? statuses.map(String) : undefined,
    owners: Array.isArray(owners) ? owners.map(String) : undefined,
  };
}

/** Whether the run satisfies the expression; no expression is satisfied by every run, an unknown field by none. */
export function matchesFilter(run: SandboxRun, expression: unknown): boolean {
  if (expression === undefined || expression === null) return true;
  const { filterExpressionType, expressions, field, value, operand } = toRecord(expression);
  if (filterExpressionType === "AND" && Array.isArray(expressions)) {
    return expressions.every((part) => matchesFilter(run, part));
  }
  if (filterExpressionType === "OR" && Array.isArray(expressions)) {
    return expressions.some((part) => matchesFilter(run, part));
  }
  if (filterExpressionType !== "LOGICAL" || typeof value !== "string") return false;
  const wanted = value.replace(/^'(.*)'$/s, "$1");
  const equal = findField(run, field) === wanted;
  return operand === "!=" ? !equal : operand === "=" && equal;
}

function findField(run: SandboxRun, field: unknown): string | undefined {
  switch (field) {
    case "id":
      return String(run.id);
    case "pod.ip":
      return run.podIp;
    case "status":
      return run.status;
    case "owner":
      return run.owner;
    default:
      return undefined;
  }
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
