// The way through the app proxy: manager, coordinator and worker in turn, until a worker names a TCP port.
// That port has no login of its own: whoever reaches it reaches the app.
import * as v from "valibot";
import { type Endpoint, parseEndpoint } from "../../domain/endpoint.ts";
import { type AppError, AuthError, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import type { SettingValue } from "../../domain/setting.ts";
import { quoteForeign } from "../foreign-text.ts";
import { createHttpClient, type Fetch, type HttpAnswer } from "../http-client.ts";
import type { PlatformContext } from "../platform.ts";
import { decideProxy } from "../proxy-choice.ts";
import type { BackendAiApi } from "./api.ts";
import { SSH_APP } from "./apps.ts";

/** What is needed to ask for a port of an app. */
export type AppProxyRequest = {
  readonly api: BackendAiApi;
  /** Spelling of the session that the server takes, and its id, which the coordinator wants. */
  readonly reference: string;
  readonly sessionId: string;
  readonly app: string;
  readonly context: PlatformContext;
  readonly tls: TlsOptions;
  /** The platform's own proxy setting. */
  readonly proxy: SettingValue | undefined;
  readonly signal: AbortSignal;
  readonly fetch?: Fetch;
};

const startSchema = v.object({ token: v.string(), wsproxy_addr: v.string() });
const authSchema = v.object({ redirect_url: v.string() });
const setupSchema = v.object({
  redirect: v.optional(v.string()),
  redirectURI: v.optional(v.string()),
});

/** Hint for all that only this way can suffer from. */
const MANAGER_HINT = "Use the way through the manager: leave out --via app-proxy";

/** The worker's host and port for the app. */
export async function openAppProxyPort(request: AppProxyRequest): Promise<Endpoint> {
  const started = await request.api.call({
    action: `Cannot start app "${request.app}" through the app proxy`,
    method: "POST",
    path: `/session/${encodeURIComponent(request.reference)}/start-service`,
    json: { app: request.app },
    repeatable: false,
  });
  const { token, wsproxy_addr } = decode(startSchema, started.body, "manager");
  const query = new URLSearchParams({
    app: request.app,
    protocol: "tcp",
    token,
    session_id: request.sessionId,
  });
  const coordinator = parseAddress(wsproxy_addr);
  const granted = await ask(`/v2/proxy/auth?${query}`, coordinator, "coordinator", request);
  const worker = parseAddress(decode(authSchema, granted.body, "coordinator").redirect_url);
  const setup = await ask(worker.pathname + worker.search, new URL(worker.origin), "worker", request);
  return parseGateway(decode(setupSchema, setup.body, "worker"));
}

/** The `gateway` value in the address that a worker answers with. Throws UnreachableError where there is none. */
export function parseGateway(setup: {
  readonly redirect?: string | undefined;
  readonly redirectURI?: string | undefined;
}): Endpoint {
  const address = URL.parse(setup.redirectURI ?? setup.redirect ?? "");
  const gateway = /^tcp:\/\/(.+)$/.exec(address?.searchParams.get("gateway") ?? "")?.[1];
  if (gateway === undefined) throw oddAnswer("worker", new Error("no gateway in the answer"));
  return parseEndpoint(gateway.replace(/\/$/, ""), "gateway of the app proxy");
}

function ask(path: string, base: URL, who: string, request: AppProxyRequest): Promise<HttpAnswer> {
  const { context, tls } = request;
  return createHttpClient({
    service: `Backend.AI app proxy (${who})`,
    baseUrl: base,
    proxy: decideProxy(base, {
      environment: context.environment,
      ...(request.proxy === undefined ? {} : { configured: request.proxy }),
    }),
    tls,
    loginHint: MANAGER_HINT,
    tlsHint: MANAGER_HINT,
    secrets: [],
    retry: { attempts: 1, clock: context.clock, random: () => 0 },
    ...(request.fetch === undefined ? {} : { fetch: request.fetch }),
  }).request({
    path,
    headers: () => ({}),
    signal: request.signal,
    explain: (answer) => explainAppProxy(answer, who, request.app),
  });
}

const problemSchema = v.looseObject({ type: v.optional(v.string(), ""), title: v.optional(v.string(), "") });

function explainAppProxy(answer: HttpAnswer, who: string, app: string): AppError | undefined {
  const problem = v.safeParse(problemSchema, answer.body);
  if (answer.status < 400 || !problem.success) return undefined;
  const said = `The app proxy's ${who} gives no port for app "${app}": ${quoteForeign(problem.output.title) || answer.status}`;
  if (answer.status === 401 || answer.status === 403)
    return new AuthError(said, { hop: "proxy-login", hint: MANAGER_HINT });
  if (answer.status === 404) return new NotFoundError(said, { hop: "proxy-login", hint: MANAGER_HINT });
  const full = problem.output.type.endsWith("worker-not-available");
  return new UnreachableError(full ? `${said} (no worker for TCP, or all its ports are taken)` : said, {
    code: full ? "no-worker" : "app-proxy-error",
    hop: "proxy-tcp",
    hint: MANAGER_HINT,
  });
}

const directSchema = v.object({
  public_host: v.optional(v.nullable(v.string())),
  sshd_ports: v.optional(v.nullable(v.array(v.number()))),
});

/** Host and SSH port of a SYSTEM session's agent. Throws NotFoundError for other sessions: they have no such way. */
export async function getDirectAccess(api: BackendAiApi, reference: string, app: string): Promise<Endpoint> {
  const answer = await api.call({
    action: `Cannot ask for direct access to session "${reference}"`,
    path: `/session/${encodeURIComponent(reference)}/direct-access-info`,
  });
  const { public_host, sshd_ports } = decode(directSchema, answer.body, "manager");
  const port = sshd_ports?.[0];
  if (app !== SSH_APP || !public_host || port === undefined) {
    throw new NotFoundError(`Session "${reference}" cannot be reached directly: only SSH of SYSTEM sessions can`, {
      code: "no-direct-access",
      hop: "run-state",
      hint: "Leave out --direct, or try --via app-proxy",
    });
  }
  const host = public_host.replace(/^[a-z]+:\/\//i, "").replace(/\/.*$/, "");
  return { host: parseEndpoint(host, "public host of the agent", port).host, port };
}

function parseAddress(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw oddAnswer("coordinator", new Error("not an HTTP address"));
}

function decode<const T extends v.GenericSchema>(schema: T, body: unknown, who: string): v.InferOutput<T> {
  const decoded = v.safeParse(schema, body);
  if (decoded.success) return decoded.output;
  throw oddAnswer(who, new Error(decoded.issues[0].message));
}

function oddAnswer(who: string, cause: Error): UnreachableError {
  return new UnreachableError(`Backend.AI's ${who} answered a question for a port in an unknown form`, {
    code: "odd-answer",
    hop: "api",
    hint: MANAGER_HINT,
    transient: false,
    cause,
  });
}
