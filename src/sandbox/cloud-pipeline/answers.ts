// JSON of the REST API, member for member as the platform writes it: its envelope, its models, its dates.
import { decideAccess, type SandboxRun } from "./runs.ts";
import type { SandboxUser } from "./tokens.ts";

/** What goes back to whoever asked. */
export type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

const JSON_TYPE = "application/json;charset=UTF-8";

/** Moment at which everything in the sandbox began; fixed, so that answers are the same every time. */
const BEGINNING = Date.UTC(2024, 9, 24, 10, 0, 0);

/** A successful answer; an empty payload is left out. */
export function formatPayload(payload: unknown): Answer {
  return { status: 200, contentType: JSON_TYPE, body: formatJson({ payload, status: "OK" }) };
}

/** An application error: HTTP 200 unless said otherwise, as the platform does. */
export function formatError(message: string, status = 200): Answer {
  return { status, contentType: JSON_TYPE, body: formatJson({ message, status: "ERROR" }) };
}

/** The answer to a request without a valid token: JSON without the envelope's `OK`, or a page for a browser. */
export function formatUnauthorized(path: string, wantsHtml: boolean): Answer {
  const text = "Full authentication is required to access this resource";
  if (wantsHtml) return formatPage(401, "Unauthorized", text);
  const body = { timestamp: BEGINNING, status: 401, error: "Unauthorized", message: text, path };
  return { status: 401, contentType: JSON_TYPE, body: formatJson(body) };
}

/** A page of the web server in front of the API. */
export function formatPage(status: number, title: string, text = title): Answer {
  const heading = `HTTP Status ${status} - ${title}`;
  const body = `<!doctype html><html lang="en"><head><title>${heading}</title></head><body><h1>${heading}</h1><p>${text}</p></body></html>`;
  return { status, contentType: "text/html;charset=utf-8", body };
}

/** The run as this user may see it. */
export function describeRun(run: SandboxRun, user: SandboxUser): unknown {
  const ended = run.status === "STOPPED" || run.status === "SUCCESS" || run.status === "FAILURE";
  return {
    id: run.id,
    status: run.status,
    owner: run.owner,
    podIP: run.podIp,
    podId: `pipeline-${run.id}`,
    sshPassword: decideAccess(run, user) === "ssh" ? run.sshPassword : undefined,
    platform: run.platform,
    sensitive: run.sensitive,
    initialized: run.initialization === "SUCCESS",
    dockerImage: "registry/library/centos:7",
    startDate: formatDate(BEGINNING),
    createdDate: formatDate(BEGINNING),
    endDate: ended ? formatDate(BEGINNING + 3_600_000) : undefined,
    mask: decideAccess(run, user) === "ssh" ? 15 : 1,
    instance: { nodeIP: run.nodeIp, nodeType: "m5.large", spot: false },
    pipelineRunParameters: run.parameters,
    runSids: run.shares.map((share) => ({
      runId: run.id,
      name: share.name,
      isPrincipal: share.name.includes("@"),
      accessType: share.accessType,
    })),
  };
}

/** The run's tasks; none while the run has not begun to initialise. */
export function describeTasks(run: SandboxRun): unknown {
  if (run.initialization === undefined) return [];
  const running = run.initialization === "RUNNING";
  return [
    {
      name: "InitializeEnvironment",
      status: run.initialization,
      instance: `pipeline-${run.id}`,
      created: formatDate(BEGINNING),
      started: formatDate(BEGINNING + 5000),
      finished: running ? undefined : formatDate(BEGINNING + 65_000),
    },
  ];
}

/** The user as `whoami` tells. */
export function describeUser(user: SandboxUser): unknown {
  return {
    id: user.id,
    userName: user.name,
    admin: user.admin,
    blocked: false,
    roles: user.roles,
  };
}

/** `yyyy-MM-dd HH:mm:ss.SSS` in UTC. */
function formatDate(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

/** Absent and empty members (text, list, map) are left out at every level; `false` and 0 stay. */
function formatJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (isEmpty(member) ? undefined : member));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
