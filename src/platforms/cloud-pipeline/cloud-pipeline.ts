// EPAM Cloud Pipeline: runs are pods reached through EDGE, an HTTP CONNECT proxy.
import { InterruptedError, UsageError } from "../../domain/errors.ts";
import type { Route } from "../../domain/route.ts";
import type { Platform, PlatformContext, ResolveOptions } from "../platform.ts";
import { describeConfiguration, findSecrets, loadConfiguration, SETTINGS } from "./configuration.ts";
import { decideEdge, edgeVia, parseEdgeOverride } from "./edge.ts";
import { listRuns } from "./list-runs.ts";
import { findEdgeUrl, resolveRun } from "./resolve-run.ts";
import { type Dependencies, describeAccess, openSession, type Session } from "./session.ts";
import { cloudPipelineSetup } from "./setup.ts";

/** Variables of the platform's own client, and those that name proxies. */
const CLIENT_VARIABLES = [
  "API",
  "API_TOKEN",
  "CP_SSH_INIT_TASK_NAME",
  "CP_CLI_TUNNEL_PROXY_HOST",
  "CP_CLI_TUNNEL_PROXY_PORT",
  "CP_CLI_API_CALL_RETRY_ATTEMPTS",
  "CP_CLI_API_CALL_RETRY_TIMEOUT",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "all_proxy",
  "no_proxy",
] as const;

/** The platform, and its way to hosts that are no runs. */
export type CloudPipeline = {
  readonly platform: Platform;
  /** A route through EDGE to any host of the cluster, as `pipe tunnel start HOST` takes it. */
  readonly edgeRoute: (host: string, options: ResolveOptions, context: PlatformContext) => Promise<Route>;
};

/** Makes the platform; without dependencies it lives in the real world. */
export function createCloudPipeline(dependencies: Partial<Dependencies> = {}): CloudPipeline {
  const world: Dependencies = { random: Math.random, ...dependencies };
  const platform: Platform = {
    name: "cloud-pipeline",
    prefix: "cp",
    title: "Cloud Pipeline",
    settings: SETTINGS,
    clientVariables: CLIENT_VARIABLES,
    recognise: (name) => {
      const id = recogniseRunId(name);
      return id === undefined ? undefined : { id, claim: "certain" };
    },
    displayName: (id) => `pipeline-${id}`,
    isConfigured: async (context) => {
      try {
        const { api, token } = await loadConfiguration(context);
        return api !== undefined && token !== undefined;
      } catch (error) {
        // A broken client file is configuration all the same: the question that follows will name the fault.
        if (error instanceof UsageError) return true;
        throw error;
      }
    },
    describeConfiguration,
    setup: cloudPipelineSetup((context, signal) =>
      withSession({ signal, retries: 2 }, context, world, ({ api }) => api.whoAmI()),
    ),
    describeAccess,
    findSecrets,
    whoAmI: (context, signal) =>
      withSession({ signal }, context, world, async ({ api }) => {
        const name = await api.whoAmI();
        const serverTimeMs = api.serverTimeMs();
        return { name, ...(serverTimeMs === undefined ? {} : { clockSkewMs: context.clock.now() - serverTimeMs }) };
      }),
    resolve: (id, options, context) =>
      withSession(options, context, world, (session) =>
        resolveRun({ id, options, session, environment: context.environment, log: context.log }),
      ),
    list: (query, context, signal) =>
      withSession({ signal }, context, world, (session) => listRuns(query, session, context.log)),
  };
  return {
    platform,
    edgeRoute: async (host, options, context) =>
      options.direct
        ? { transport: "direct", host }
        : withSession(options, context, world, (session) => routeToHost(host, options, session, context)),
  };
}

/** The run id in `56819` or `pipeline-56819`; no more digits than the platform's numbers have. */
export function recogniseRunId(name: string): string | undefined {
  return /^(?:pipeline-)?([1-9]\d{0,17})$/.exec(name)?.[1];
}

async function routeToHost(
  host: string,
  options: ResolveOptions,
  session: Session,
  context: PlatformContext,
): Promise<Route> {
  const override = parseEdgeOverride(context.environment);
  const externalUrl = await findEdgeUrl(session.api, override, options.region);
  for (const note of session.notes) context.log.warning(note);
  return {
    transport: "http-connect",
    host,
    via: edgeVia(decideEdge(externalUrl, override, options.region), session.token),
  };
}

/** Runs work with a session; calls that are still open when it is done or has failed are ended. */
async function withSession<T>(
  options: Pick<ResolveOptions, "actAs" | "retries" | "signal">,
  context: PlatformContext,
  world: Dependencies,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    return await work(await openSession(options, signal, context, world));
  } finally {
    stop.abort(new InterruptedError("No longer needed"));
  }
}
