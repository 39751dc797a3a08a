// A token that was looked at and the API behind it: what every question to Cloud Pipeline begins with.

import { API_BACKOFF } from "../../domain/backoff.ts";
import { AuthError, UsageError } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import type { Secret } from "../../domain/secret.ts";
import type { SettingValue } from "../../domain/setting.ts";
import { createHttpClient, type Fetch, type HttpClient, type HttpRetry } from "../http-client.ts";
import type { PlatformAccess, PlatformContext, ResolveOptions } from "../platform.ts";
import { decideProxy, type HttpProxy } from "../proxy-choice.ts";
import { parseSwitch, readAuthorityFile } from "../setting-values.ts";
import { type CloudPipelineApi, createApi } from "./api.ts";
import { loadConfiguration } from "./configuration.ts";
import { checkToken, maskToken, RENEW_HINT } from "./token.ts";

/** What the platform takes from the world besides its context. */
export type Dependencies = {
  /** In [0, 1). */
  readonly random: () => number;
  readonly fetch?: Fetch;
};

/** A ready API. */
export type Session = {
  readonly api: CloudPipelineApi;
  /** The token in force: the impersonated one with `--user`. */
  readonly token: Secret;
  readonly notes: readonly string[];
};

/** Tries of one call where neither the command line nor the client's variable says otherwise; as its own client does. */
const DEFAULT_ATTEMPTS = 3;

const CONFIGURE_HINT =
  'Run "runtunnel init" (the token is made on the Cloud Pipeline page under Settings > CLI), or set RUNTUNNEL_CLOUD_PIPELINE_API and RUNTUNNEL_CLOUD_PIPELINE_TOKEN';

const TLS_HINT =
  "Set cloud-pipeline.ca-file (RUNTUNNEL_CLOUD_PIPELINE_CA_FILE) to the authority's PEM file, or cloud-pipeline.insecure to do without the check";

/** What a session is opened with, before anybody is asked. */
type Prepared = {
  readonly baseUrl: URL;
  readonly token: Secret;
  readonly tokenSource: string;
  readonly proxy: HttpProxy | undefined;
  readonly tls: TlsOptions;
  readonly notes: readonly string[];
};

/** Reads the configuration, checks the token before any call, and takes another user's token where asked to. */
export async function openSession(
  options: Pick<ResolveOptions, "actAs" | "retries">,
  signal: AbortSignal,
  context: PlatformContext,
  dependencies: Dependencies,
): Promise<Session> {
  const prepared = await prepare(context);
  const { notes, token } = prepared;
  const client = openClient(prepared, decideRetry(options, context, dependencies), dependencies.fetch);
  const own = createApi(client, token, signal);
  if (options.actAs === undefined) return { api: own, token, notes };
  const other = await own.makeTokenOf(options.actAs);
  checkToken(other, `Cloud Pipeline for "${options.actAs}"`, context.clock.now());
  return { api: createApi(client, other, signal), token: other, notes };
}

/** Where a session would go, and with which token. Asks nobody; throws what opening one would. */
export async function describeAccess(context: PlatformContext): Promise<PlatformAccess> {
  const { baseUrl, notes, proxy, tls, token, tokenSource } = await prepare(context);
  return {
    endpoints: [{ url: baseUrl.origin + baseUrl.pathname, tls, ...(proxy === undefined ? {} : { proxy: proxy.url }) }],
    credentials: `access token ${maskToken(token)} from ${tokenSource}`,
    notes,
  };
}

async function prepare(context: PlatformContext): Promise<Prepared> {
  const configuration = await loadConfiguration(context);
  const { api, caFile, proxy: configured, token } = configuration;
  if (api === undefined) throw new UsageError("No address of Cloud Pipeline is configured", { hint: CONFIGURE_HINT });
  if (token === undefined) {
    throw new AuthError("No access token for Cloud Pipeline is configured", {
      code: "no-token",
      hop: "api-login",
      hint: CONFIGURE_HINT,
    });
  }
  const notes = [...configuration.warnings, ...checkToken(token.value, token.source, context.clock.now())];
  const baseUrl = parseApiUrl(api);
  const authority = caFile === undefined ? undefined : await readAuthorityFile(caFile, context.homeFolder);
  return {
    baseUrl,
    token: token.value,
    tokenSource: token.source,
    proxy: decideProxy(baseUrl, {
      environment: context.environment,
      ...(configured === undefined ? {} : { configured }),
    }),
    tls: {
      verify: !parseSwitch(configuration.insecure),
      ...(authority === undefined ? {} : { certificateAuthority: authority }),
    },
    notes,
  };
}

function openClient({ baseUrl, proxy, tls, token }: Prepared, retry: HttpRetry, fetch: Fetch | undefined): HttpClient {
  return createHttpClient({
    service: "Cloud Pipeline API",
    baseUrl,
    proxy,
    tls,
    loginHint: RENEW_HINT,
    tlsHint: TLS_HINT,
    secrets: [token],
    retry,
    ...(fetch === undefined ? {} : { fetch }),
  });
}

function parseApiUrl(api: SettingValue): URL {
  const url = URL.parse(api.value.replace(/^\/+/, ""));
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new UsageError(`The address of Cloud Pipeline from ${api.source} is not a web address`, {
      hint: "Write it as https://host:port/pipeline/restapi",
    });
  }
  return url;
}

/** The client's own variables set tries and the longest pause where the command line says nothing. */
function decideRetry(
  options: Pick<ResolveOptions, "retries">,
  context: PlatformContext,
  dependencies: Dependencies,
): HttpRetry {
  const read = (name: string): number | undefined => {
    const text = context.environment[name]?.trim() ?? "";
    const value = Number(text);
    if (/^\d{1,4}$/.test(text) && value >= 1) return value;
    if (text !== "") context.log.warning(`${name} is not a whole number above 0 and is left aside`);
    return undefined;
  };
  const pauseSeconds = read("CP_CLI_API_CALL_RETRY_TIMEOUT");
  return {
    attempts: options.retries ?? read("CP_CLI_API_CALL_RETRY_ATTEMPTS") ?? DEFAULT_ATTEMPTS,
    clock: context.clock,
    random: dependencies.random,
    backoff: pauseSeconds === undefined ? API_BACKOFF : { ...API_BACKOFF, maxMs: pauseSeconds * 1000 },
    log: context.log,
  };
}
