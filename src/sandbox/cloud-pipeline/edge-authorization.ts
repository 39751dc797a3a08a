// Whether EDGE lets somebody through: the steps of its access script, asking the API with the caller's own token.
import type { Answer } from "./answers.ts";
import type { ApiRequest } from "./rest-api.ts";
import type { TokenMint } from "./tokens.ts";

/** `allow`, or the status of the refusal. */
export type EdgeVerdict = "allow" | 401 | 407 | 500;

/** What the access script may ask. */
export type EdgeAuthorizationContext = {
  readonly mint: TokenMint;
  /** Asks the REST API; undefined when it cannot be reached. */
  readonly askApi: (request: ApiRequest) => Answer | undefined;
  /** Hosts that end in one of these need a valid token and nothing else. */
  readonly whitelist: readonly string[];
};

/** Decides about one CONNECT by its Proxy-Authorization header and the host it wants. */
export function authorizeConnect(
  header: string | undefined,
  host: string,
  context: EdgeAuthorizationContext,
): EdgeVerdict {
  const credentials = header?.startsWith("Basic ") ? decodeBase64(header.slice("Basic ".length)) : undefined;
  if (credentials === undefined) return 407;
  const [user, password] = credentials.split(":");
  if (password === undefined) return 500;
  if (user === "") return 407;
  const token = password.replace(/\s/g, "");
  if (context.mint.check(token).kind !== "valid") return 401;
  if (context.whitelist.some((suffix) => host.endsWith(suffix))) return "allow";
  const found = findRunByPod(host, token, context);
  if (typeof found !== "string") return found;
  const run = payloadOf(ask(context, token, "GET", `run/${found}`));
  const password22 = toRecord(run)["sshPassword"];
  return typeof password22 === "string" && password22 !== "" ? "allow" : 401;
}

/** The id of the run behind a pod: among the caller's own runs, then among those shared with the caller. */
function findRunByPod(host: string, token: string, context: EdgeAuthorizationContext): string | 401 | 500 {
  const own = payloadOf(ask(context, token, "POST", "run/search", searchByPod(host)));
  const [first] = elementsOf(own) ?? [];
  if (first !== undefined) return String(toRecord(first)["id"]);
  const services = payloadOf(ask(context, token, "POST", "services", SERVICES_QUERY));
  if (services === undefined) return 401;
  const elements = elementsOf(services);
  // The script walks over `elements` without a look whether they are there.
  if (elements === undefined) return 500;
  const shared = elements.find((element) => toRecord(element)["podIP"] === host);
  return shared === undefined ? 401 : String(toRecord(shared)["id"]);
}

const SERVICES_QUERY = {
  eagerGrouping: false,
  page: 1,
  pageSize: 1000,
  userModified: false,
  statuses: ["RUNNING"],
};

function searchByPod(host: string): unknown {
  const equals = (field: string, value: string): unknown => ({
    field,
    value,
    operand: "=",
    filterExpressionType: "LOGICAL",
  });
  return {
    filterExpression: {
      filterExpressionType: "AND",
      expressions: [equals("pod.ip", `'${host}'`), equals("status", "RUNNING")],
    },
    page: 1,
    pageSize: 1,
  };
}

function ask(context: EdgeAuthorizationContext, token: string, method: string, path: string, body?: unknown): unknown {
  const answer = context.askApi({
    method,
    target: `/pipeline/restapi/${path}`,
    authorization: `Bearer ${token}`,
    body: body === undefined ? "" : JSON.stringify(body),
  });
  try {
    return answer === undefined ? undefined : JSON.parse(answer.body);
  } catch {
    return undefined;
  }
}

function payloadOf(answer: unknown): unknown {
  return toRecord(answer)["payload"];
}

function elementsOf(payload: unknown): readonly unknown[] | undefined {
  const { elements } = toRecord(payload);
  return Array.isArray(elements) ? elements : undefined;
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Standard base64 as nginx decodes it: padding may be missing, what follows it is ignored, other characters are not. */
function decodeBase64(text: string): string | undefined {
  const digits = /^[^=]*/.exec(text)?.[0] ?? "";
  if (!/^[A-Za-z0-9+/]*$/.test(digits) || digits.length % 4 === 1) return undefined;
  return Buffer.from(digits, "base64").toString("latin1");
}
