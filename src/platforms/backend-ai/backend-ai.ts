// Backend.AI: runs are compute sessions, reached by WebSocket through the manager or its web UI.
import { AppError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Platform, PlatformContext, ResolvedRun, ResolveOptions, SshAccess } from "../platform.ts";
import { accountKeys, backendAiLogin } from "./account.ts";
import { findAccountPublicKey } from "./account-keys.ts";
import type { BackendAiApi } from "./api.ts";
import { defaultPort, getApp, getApps, SSH_APP } from "./apps.ts";
import { hasCredentials } from "./client-config.ts";
import { describeConfiguration, findSecrets, loadValues } from "./configuration.ts";
import { listSessions } from "./list-sessions.ts";
import { type Dependencies, describeAccess, type OpenEndpoint, withEndpoint } from "./open-endpoint.ts";
import { describeSkew } from "./problem.ts";
import { routeToApp } from "./route-to-app.ts";
import { fetchSessionKey, type SessionKey, WITHOUT_KEY_HINT } from "./session-key.ts";
import { type FoundSession, getSession, isUuid } from "./sessions.ts";
import { CLIENT_VARIABLES, SETTINGS } from "./settings.ts";
import { backendAiSetup } from "./setup.ts";

/** Account inside every session. */
const ACCOUNT = "work";

/** From here on a wrong clock is worth a note; signatures themselves are made with the server's time. */
const NOTED_SKEW_MS = 5 * 60_000;

/** Makes the platform; without dependencies it lives in the real world. */
export function createBackendAi(dependencies: Partial<Dependencies> = {}): Platform {
  const world: Dependencies = { random: Math.random, logins: new Map(), ...dependencies };
  return {
    name: "backend-ai",
    prefix: "bai",
    title: "Backend.AI",
    settings: SETTINGS,
    clientVariables: CLIENT_VARIABLES,
    hasApps: true,
    handsOutKeys: true,
    login: backendAiLogin,
    setup: backendAiSetup((context, signal) =>
      withEndpoint({ signal, retries: 2 }, context, world, async ({ api, config }) => {
        // Any call that is signed: the version alone is told to everybody.
        await listSessions({ ended: false, limit: 1 }, api, undefined);
        return config.identity.kind === "key-pair" ? `key pair ${config.identity.keys.accessKey}` : "web login";
      }),
    ),
    recognise: recogniseSession,
    displayName: (id) => `session-${id}`,
    isConfigured,
    describeConfiguration,
    describeAccess,
    findSecrets,
    whoAmI: (context, signal) =>
      withEndpoint({ signal }, context, world, async ({ api }) => {
        await findAccountPublicKey(api);
        const clockSkewMs = api.clockSkewMs();
        return { name: api.identity, ...(clockSkewMs === undefined ? {} : { clockSkewMs }) };
      }),
    uploadKey,
    list: (query, context, signal) =>
      withEndpoint({ signal }, context, world, ({ api, config }) =>
        listSessions(query, api, config.identity.kind === "key-pair" ? config.identity.keys.accessKey : undefined),
      ),
    listApps: (id, context, signal) =>
      withEndpoint({ signal }, context, world, async ({ api }) => (await getApps(api, await getSession(api, id))).apps),
    resolve: (id, options, context) =>
      withEndpoint(options, context, world, (endpoint) => resolveSession(id, options, endpoint, context, world)),
  };
}

/** Reads a session name or id by its form. Names with dots are more often hosts. */
export function recogniseSession(name: string): ReturnType<Platform["recognise"]> {
  if (isUuid(name)) return { id: name.toLowerCase(), claim: "certain" };
  if (!/^\w[\w.-]{2,62}\w$/.test(name)) return undefined;
  return { id: name, claim: name.includes(".") ? "possible" : "likely" };
}

/** Makes the key the one that sessions get which are created from now on. */
async function uploadKey(
  privateKey: string,
  publicKey: string,
  context: PlatformContext,
  signal: AbortSignal,
): Promise<void> {
  await accountKeys(context, signal).upload({ publicKey, privateKey: new Secret(privateKey) });
}

async function isConfigured(context: PlatformContext): Promise<boolean> {
  try {
    return hasCredentials(await loadValues(context));
  } catch (error) {
    // A broken client file is configuration all the same: the question that follows will name the fault.
    if (error instanceof AppError) return true;
    throw error;
  }
}

async function resolveSession(
  id: string,
  options: ResolveOptions,
  endpoint: OpenEndpoint,
  context: PlatformContext,
  world: Dependencies,
): Promise<ResolvedRun> {
  const { api, config } = endpoint;
  const appName = options.app ?? SSH_APP;
  const session = await getSession(api, id);
  const [{ reference, apps }, key] = await Promise.all([
    getApps(api, session),
    findKey(api, session, appName, options),
  ]);
  const app = getApp(apps, appName, session.name);
  const route = await routeToApp({ session, reference, app }, options, endpoint, context, world);
  const port = defaultPort(app);
  return {
    platform: "backend-ai",
    id,
    name: `session-${session.name}`,
    incarnation: session.incarnation,
    route,
    ...(appName === SSH_APP ? { ssh: sshAccess(key) } : {}),
    ...(port === undefined ? {} : { defaultRemotePort: port }),
    notes: [
      ...describeClock(api),
      ...(key?.kind === "missing" ? [`${key.reason}. ${WITHOUT_KEY_HINT}`] : []),
      ...(config.way === "app-proxy" && !options.direct
        ? ["The app proxy's port asks for no login: whoever reaches it reaches the app"]
        : []),
    ],
  };
}

/** The key is looked up only where somebody will log in with it. */
async function findKey(
  api: BackendAiApi,
  session: FoundSession,
  appName: string,
  options: ResolveOptions,
): Promise<SessionKey | undefined> {
  const wanted = appName === SSH_APP && options.sshWanted !== false && !options.identityGiven;
  return wanted ? fetchSessionKey(api, session) : undefined;
}

function sshAccess(key: SessionKey | undefined): SshAccess {
  return {
    accounts: [ACCOUNT],
    system: "linux",
    ...(key?.kind === "key" ? { ready: { user: ACCOUNT, privateKey: key.privateKey } } : {}),
  };
}

function describeClock(api: BackendAiApi): readonly string[] {
  const skew = api.clockSkewMs() ?? 0;
  return Math.abs(skew) < NOTED_SKEW_MS ? [] : [`The clock of this computer is ${describeSkew(skew)}`];
}
