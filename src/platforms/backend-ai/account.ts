// What a user may do with an account at Backend.AI besides reaching sessions: log in, log out, manage its SSH key.
import type { PlatformContext, PlatformLogin, WebCredentials } from "../platform.ts";
import { parseSwitch } from "../setting-values.ts";
import { type AccountKeyPair, findAccountPublicKey, regenerateAccountKeys, uploadAccountKeys } from "./account-keys.ts";
import { parseEndpoints } from "./client-config.ts";
import { loadTls, loadValues } from "./configuration.ts";
import { type Dependencies, withEndpoint } from "./open-endpoint.ts";
import { loginAtWebUi, logoutAtWebUi, type WebUi } from "./web-login.ts";
import { decodeWebSession, encodeWebSession, type WebSession } from "./web-session.ts";

/** Logs in at the configured web UI. The caller stores the login (see encodeWebSession), mode 0600. */
export async function login(
  credentials: WebCredentials,
  context: PlatformContext,
  signal: AbortSignal,
): Promise<WebSession> {
  return loginAtWebUi(credentials, await openWebUi(context, signal));
}

/** Ends a login. Safe to call for one that has expired. */
export async function logout(session: WebSession, context: PlatformContext, signal: AbortSignal): Promise<void> {
  const ui = await openWebUi(context, signal);
  return logoutAtWebUi(session, { ...ui, endpoint: new URL(session.endpoint) });
}

/** The account's SSH key at the server. */
export interface AccountKeys {
  findPublicKey(): Promise<string | undefined>;
  regenerate(): Promise<AccountKeyPair>;
  upload(pair: AccountKeyPair): Promise<AccountKeyPair>;
}

/** Gives access to the key pair that new sessions get. */
export function accountKeys(context: PlatformContext, signal: AbortSignal): AccountKeys {
  const world: Dependencies = { random: Math.random, logins: new Map() };
  return {
    findPublicKey: () => withEndpoint({ signal }, context, world, ({ api }) => findAccountPublicKey(api)),
    regenerate: () => withEndpoint({ signal }, context, world, ({ api }) => regenerateAccountKeys(api)),
    upload: (pair) => withEndpoint({ signal }, context, world, ({ api }) => uploadAccountKeys(api, pair)),
  };
}

async function openWebUi(context: PlatformContext, signal: AbortSignal): Promise<WebUi> {
  const find = await loadValues(context);
  const [endpoint] = parseEndpoints(find("endpoint") ?? { value: "", source: "BACKEND_ENDPOINT" });
  if (endpoint === undefined) throw new Error("parseEndpoints() returned nothing");
  const tls = await loadTls({ verifyTls: !parseSwitch(find("insecure")), caFile: find("ca-file") }, context);
  return { endpoint, tls, proxy: find("proxy"), context, signal };
}

/** Key of the setting that holds a login. */
const SESSION_KEY = "backend-ai.session";

/** Logins as commands make and end them. */
export const backendAiLogin: PlatformLogin = {
  settingKey: SESSION_KEY,
  login: async (credentials, context, signal) => encodeWebSession(await login(credentials, context, signal)),
  logout: async (context, signal) => {
    const stored = context.settings.find(SESSION_KEY);
    if (stored !== undefined) await logout(decodeWebSession(stored), context, signal);
  },
};
