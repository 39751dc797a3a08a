// From configuration to an endpoint that answers: web login where needed, several endpoints tried in turn.
import { API_BACKOFF } from "../../domain/backoff.ts";
import { AppError, AuthError, UnreachableError, UsageError } from "../../domain/errors.ts";
import { retry } from "../../domain/retry.ts";
import type { TlsOptions } from "../../domain/route.ts";
import type { Secret } from "../../domain/secret.ts";
import type { Fetch } from "../http-client.ts";
import type { PlatformAccess, PlatformContext, ResolveOptions } from "../platform.ts";
import { decideProxy } from "../proxy-choice.ts";
import { type ApiSetup, type BackendAiApi, type Credentials, openApi } from "./api.ts";
import type { BackendAiConfig, Identity } from "./client-config.ts";
import { loadConfig, loadTls } from "./configuration.ts";
import { isUuid } from "./sessions.ts";
import { loginAtWebUi } from "./web-login.ts";
import type { WebSession } from "./web-session.ts";

/** What the platform takes from the world besides its context. */
export type Dependencies = {
  /** In [0, 1). */
  readonly random: () => number;
  readonly fetch?: Fetch;
  /** Logins made with user and password, kept for the life of the process, by user and endpoint. */
  readonly logins: Map<string, WebSession | RefusedLogin>;
};

/** A login that was refused, with what and when: web UIs block accounts after a few failures, for everybody who uses them. */
export type RefusedLogin = { readonly refusal: AuthError; readonly password: Secret; readonly at: number };

/** No password that was refused is sent again so soon: web UIs count ten failures within 20 minutes. */
const REFUSAL_REST_MS = 10 * 60_000;

/** An endpoint that answered, and how it was reached. */
export type OpenEndpoint = {
  readonly api: BackendAiApi;
  readonly config: BackendAiConfig;
  readonly tls: TlsOptions;
};

/** Tries of one call where the command line says nothing; the tunnel repeats a failed resolve on its own schedule. */
const DEFAULT_ATTEMPTS = 4;

/** Runs the work with the first endpoint that answers; a web login that has expired is renewed once where user and
 * password are configured. */
export async function withEndpoint<T>(
  options: Pick<ResolveOptions, "actAs" | "retries" | "signal">,
  context: PlatformContext,
  dependencies: Dependencies,
  work: (endpoint: OpenEndpoint) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(context);
  const tls = await loadTls(config, context);
  const run = async (fresh: boolean) =>
    work({ api: await openAny({ config, tls, options, context, dependencies, fresh }), config, tls });
  try {
    return await run(false);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "login-expired" || !canLogin(config.identity)) throw error;
    context.log.info("The web login has expired: logging in again");
    return run(true);
  }
}

/** Where calls go, and with which login. Asks nobody. */
export async function describeAccess(context: PlatformContext): Promise<PlatformAccess> {
  const config = await loadConfig(context);
  const tls = await loadTls(config, context);
  const { identity, identitySource } = config;
  const whose =
    identity.kind === "key-pair"
      ? `key pair with access key ${identity.keys.accessKey}`
      : `web login of ${identity.session?.user ?? identity.login?.user ?? "nobody yet"}`;
  const configured = config.proxy === undefined ? {} : { configured: config.proxy };
  return {
    endpoints: config.endpoints.map((url) => {
      const proxy = decideProxy(url, { ...configured, environment: context.environment });
      return { url: url.origin + url.pathname, tls, ...(proxy === undefined ? {} : { proxy: proxy.url }) };
    }),
    credentials: `${whose} from ${identitySource}`,
    notes: [],
  };
}

type Opening = {
  readonly config: BackendAiConfig;
  readonly tls: TlsOptions;
  readonly options: Pick<ResolveOptions, "actAs" | "retries" | "signal">;
  readonly context: PlatformContext;
  readonly dependencies: Dependencies;
  /** Log in anew even if a login is known. */
  readonly fresh: boolean;
};

async function openAny(opening: Opening): Promise<BackendAiApi> {
  const { config, options, context, dependencies } = opening;
  const attempts = options.retries ?? DEFAULT_ATTEMPTS;
  if (config.endpoints.length === 1) return openOne(config.endpoints[0] ?? failEmpty(), opening, attempts);
  return retry(() => openFirst(opening), {
    attempts,
    backoff: API_BACKOFF,
    clock: context.clock,
    random: dependencies.random,
    signal: options.signal,
  });
}

async function openFirst(opening: Opening): Promise<BackendAiApi> {
  let last: unknown;
  for (const endpoint of opening.config.endpoints) {
    try {
      return await openOne(endpoint, opening, 1);
    } catch (error) {
      // A refused login is the same everywhere; anything else may be this endpoint's own trouble.
      if (!(error instanceof AppError) || error instanceof AuthError || opening.options.signal.aborted) throw error;
      opening.context.log.warning(error.message, { endpoint: endpoint.host });
      last = error;
    }
  }
  throw last;
}

async function openOne(endpoint: URL, opening: Opening, attempts: number): Promise<BackendAiApi> {
  const { config, tls, options, context, dependencies } = opening;
  const { actAs } = options;
  if (actAs !== undefined && !isUuid(actAs)) {
    throw new UsageError(`Cannot act as "${actAs}": Backend.AI wants the user's id`, {
      hint: "Give the id of the user (a UUID) with --user; only administrators may act as others",
    });
  }
  const setup: ApiSetup = {
    config,
    context,
    tls,
    credentials: await decideCredentials(endpoint, opening),
    attempts,
    ...(actAs === undefined ? {} : { actAs }),
    random: dependencies.random,
    ...(dependencies.fetch === undefined ? {} : { fetch: dependencies.fetch }),
    signal: options.signal,
  };
  try {
    return await openApi(endpoint, setup);
  } catch (error) {
    throw explainWrongEndpoint(error, endpoint, config);
  }
}

async function decideCredentials(endpoint: URL, opening: Opening): Promise<Credentials> {
  const { identity } = opening.config;
  if (identity.kind === "key-pair") return identity;
  const { session, login } = identity;
  if (!opening.fresh && session?.endpoint === endpoint.origin) return { kind: "web-login", session };
  if (login === undefined) {
    throw new AuthError(`There is no login at the Backend.AI web UI ${endpoint.origin}`, {
      code: "no-credentials",
      hop: "api-login",
      hint: "Log in there first, or set BACKEND_USER and BACKEND_PASSWORD",
    });
  }
  const { logins } = opening.dependencies;
  const key = `${login.user} ${endpoint.origin}`;
  const { config, tls, context, dependencies, options } = opening;
  const known = logins.get(key);
  if (known !== undefined && "sessionId" in known && !opening.fresh) return { kind: "web-login", session: known };
  if (known !== undefined && "refusal" in known && known.password.reveal() === login.password.reveal()) {
    if (context.clock.now() - known.at < REFUSAL_REST_MS) throw known.refusal;
  }
  const made = await loginAtWebUi(login, {
    endpoint,
    tls,
    proxy: config.proxy,
    context,
    signal: options.signal,
    ...(dependencies.fetch === undefined ? {} : { fetch: dependencies.fetch }),
  }).catch((error: unknown) => {
    if (error instanceof AuthError) {
      logins.set(key, { refusal: error, password: login.password, at: context.clock.now() });
    }
    throw error;
  });
  logins.set(key, made);
  return { kind: "web-login", session: made };
}

function canLogin(identity: Identity): boolean {
  return identity.kind === "web-login" && identity.login !== undefined;
}

/** The web UI answers API paths with its page: the most common slip is worth its own hint. */
function explainWrongEndpoint(error: unknown, endpoint: URL, config: BackendAiConfig): unknown {
  if (!(error instanceof UnreachableError) || error.code !== "not-json" || config.identity.kind !== "key-pair")
    return error;
  return new UnreachableError(`${endpoint.origin} answers with a web page: it is not a Backend.AI manager`, {
    code: "not-json",
    hop: "api",
    hint: "Give the manager's address, or set BACKEND_ENDPOINT_TYPE=session to go through the web UI with a login",
    transient: false,
    cause: error,
  });
}

function failEmpty(): never {
  throw new UsageError("No Backend.AI endpoint is configured");
}
