// What the REST API answers, without any network: the HTTP server asks here, and EDGE does when it checks a token.
import {
  type Answer,
  describeRun,
  describeTasks,
  describeUser,
  formatError,
  formatPage,
  formatPayload,
  formatUnauthorized,
} from "./answers.ts";
import { matchesFilter, parsePage } from "./run-search.ts";
import { decideAccess, findUser, type RunBook } from "./runs.ts";
import type { SandboxUser, TokenMint } from "./tokens.ts";

/** One request, reduced to what the API looks at. */
export type ApiRequest = {
  readonly method: string;
  /** Path and query as on the request line. */
  readonly target: string;
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
  readonly accept?: string | undefined;
  readonly body?: string;
};

/** What the API knows. */
export type ApiWorld = {
  readonly runs: RunBook;
  readonly mint: TokenMint;
  /** Preferences by name; commands change them. */
  readonly preferences: ReadonlyMap<string, string>;
  /** URL of the EDGE of a region, of the default one for undefined. */
  readonly edgeUrl: (region: string | undefined) => string | undefined;
};

/** Life of a token that `user/token` hands out when the request names none. */
const DEFAULT_TOKEN_MS = 24 * 3_600_000;

type Call = {
  readonly world: ApiWorld;
  readonly user: SandboxUser;
  readonly parameters: URLSearchParams;
  readonly body: unknown;
};

type Endpoint = {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly answer: (call: Call, argument: string) => Answer;
};

const ENDPOINTS: readonly Endpoint[] = [
  { method: "GET", path: /^run\/([^/]+)$/, answer: answerRun },
  { method: "GET", path: /^run\/([^/]+)\/tasks$/, answer: answerTasks },
  { method: "GET", path: /^cluster\/edge\/externalUrl$/, answer: answerEdgeUrl },
  { method: "GET", path: /^whoami$/, answer: ({ user }) => formatPayload(describeUser(user)) },
  { method: "GET", path: /^preferences\/([^/]+)$/, answer: answerPreference },
  { method: "GET", path: /^user\/token$/, answer: answerToken },
  { method: "POST", path: /^run\/search$/, answer: answerSearch },
  { method: "POST", path: /^run\/filter$/, answer: answerFilter },
  { method: "POST", path: /^services$/, answer: answerServices },
];

/** Answers one request, as the whole API does: token first, then path, then method. */
export function answerRequest(world: ApiWorld, request: ApiRequest): Answer {
  const url = new URL(request.target.replace(/^\/+/, "/"), "http://api.invalid");
  const path = url.pathname.replace(/\/{2,}/g, "/");
  const user = authenticate(world.mint, request);
  if (user === undefined) return formatUnauthorized(path, request.accept?.includes("text/html") === true);
  const relative = /\/restapi\/(.*)$/.exec(path)?.[1];
  const matches = ENDPOINTS.filter((candidate) => relative !== undefined && candidate.path.test(relative));
  if (relative === undefined || matches.length === 0) return formatPage(404, "Not Found");
  const endpoint = matches.find((candidate) => candidate.method === request.method);
  if (endpoint === undefined) return formatError(`Request method '${request.method}' not supported`, 405);
  const argument = decodeText(endpoint.path.exec(relative)?.[1] ?? "");
  return endpoint.answer({ world, user, parameters: url.searchParams, body: parseJson(request.body) }, argument);
}

/** The user behind a Bearer token, Basic credentials (user and token) or the token cookie. */
function authenticate(mint: TokenMint, request: ApiRequest): SandboxUser | undefined {
  const token = findToken(request);
  const verdict = token === undefined ? undefined : mint.check(token);
  return verdict?.kind === "valid" ? findUser(verdict.user) : undefined;
}

function findToken(request: ApiRequest): string | undefined {
  const [, scheme, credentials] = /^(Bearer|Basic)\s+(\S+)\s*$/.exec(request.authorization ?? "") ?? [];
  if (scheme === "Bearer") return credentials;
  if (scheme === "Basic")
    return Buffer.from(credentials ?? "", "base64")
      .toString()
      .split(":")[1];
  const cookie = /(?:^|;\s*)HttpAuthorization=([^;]*)/.exec(request.cookie ?? "")?.[1];
  return cookie === undefined ? undefined : decodeText(cookie).replace(/^Bearer\s+/, "");
}

/** Percent-decodes; text that is not properly encoded stays as it is. */
function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function answerRun({ world, user }: Call, id: string): Answer {
  const run = world.runs.find(Number(id));
  if (run === undefined) return formatError(`Pipeline with requested id: '${id}' was not found.`);
  if (decideAccess(run, user) === "none") return formatError("Access is denied");
  return formatPayload(describeRun(run, user));
}

function answerTasks({ world, user }: Call, id: string): Answer {
  const run = world.runs.find(Number(id));
  if (run === undefined) return formatError(`Pipeline with requested id: '${id}' was not found.`);
  if (decideAccess(run, user) === "none") return formatError("Access is denied");
  return formatPayload(describeTasks(run));
}

function answerEdgeUrl({ world, parameters }: Call): Answer {
  return formatPayload(world.edgeUrl(parameters.get("region") ?? undefined));
}

function answerPreference({ world }: Call, name: string): Answer {
  const value = world.preferences.get(name);
  if (value === undefined) return formatError(`Preference with name '${name}' not found`);
  const type = value === "true" || value === "false" ? "BOOLEAN" : "STRING";
  return formatPayload({ name, value, preferenceGroup: "System", visible: true, type });
}

function answerToken({ world, user, parameters }: Call): Answer {
  if (!user.admin) return formatError("Access is denied");
  const name = parameters.get("name") ?? user.name;
  const subject = findUser(name);
  if (subject === undefined) return formatError(`User with name '${name}' does not exist`);
  const seconds = Number(parameters.get("expiration") ?? Number.NaN);
  return formatPayload({ token: world.mint.issue(subject, seconds > 0 ? seconds * 1000 : DEFAULT_TOKEN_MS) });
}

/** Finds the caller's own runs (an administrator's are all); runs shared with the caller are `services`. */
function answerSearch({ world, user, body }: Call): Answer {
  const page = parsePage(body);
  const visible = world.runs.all().filter((run) => user.admin || run.owner === user.name);
  const found = visible.filter((run) => matchesFilter(run, page.filterExpression));
  return formatRunPage(found, user, page);
}

/** Newest first, by status and owner; the caller's own runs, an administrator's are all. */
function answerFilter({ world, user, body }: Call): Answer {
  const page = parsePage(body);
  const found = world.runs
    .all()
    .filter((run) => user.admin || run.owner === user.name)
    .filter((run) => page.statuses === undefined || page.statuses.includes(run.status))
    .filter((run) => page.owners === undefined || page.owners.includes(run.owner))
    .sort((one, other) => other.id - one.id);
  return formatRunPage(found, user, page);
}

function answerServices({ world, user, body }: Call): Answer {
  const page = parsePage(body);
  const shared = world.runs.all().filter((run) => run.owner !== user.name && decideAccess(run, user) !== "none");
  const found = shared.filter((run) => page.statuses === undefined || page.statuses.includes(run.status));
  return formatRunPage(found, user, page);
}

function formatRunPage(
  found: readonly Parameters<typeof describeRun>[0][],
  user: SandboxUser,
  page: { readonly page: number; readonly pageSize: number },
): Answer {
  const first = (page.page - 1) * page.pageSize;
  const elements = found.slice(first, first + page.pageSize).map((run) => describeRun(run, user));
  return formatPayload({ elements, totalCount: found.length });
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined || text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
