// `login`, `logout` and `apps`: what one does at a platform besides opening tunnels.
import { NotFoundError, UsageError } from "../domain/errors.ts";
import { ensurePrivateFolder, removeIfExists, replaceFile } from "../os/atomic-file.ts";
import type { PlatformLogin, RunApp, WebCredentials } from "../platforms/platform.ts";
import { type AppContext, platformContext } from "./context.ts";
import { identifyRun } from "./identify-run.ts";
import { getPlatform } from "./run-access.ts";

/** Logs in and keeps the login in a file that nobody else can read. Throws AuthError. */
export async function logIn(
  platformName: string,
  credentials: WebCredentials,
  file: { readonly folder: string; readonly path: string },
  context: AppContext,
): Promise<void> {
  const login = getLogin(platformName, context);
  const text = await login.login(credentials, await platformContext(context), context.signal);
  await ensurePrivateFolder(file.folder);
  await replaceFile(file.path, text.reveal(), { mode: 0o600, enforceMode: true });
}

/** Ends the kept login, at the server too. Returns whether there was one. The file goes whatever the server says. */
export async function logOut(platformName: string, path: string, context: AppContext): Promise<boolean> {
  const login = getLogin(platformName, context);
  try {
    await login.logout(await platformContext(context), context.signal);
  } catch (error) {
    await removeIfExists(path);
    throw error;
  }
  return removeIfExists(path);
}

/** Services of a run. Throws UsageError where the platform knows none by name. */
export async function listApps(
  run: string,
  platform: string | undefined,
  context: AppContext,
): Promise<readonly RunApp[]> {
  const asPlatform = await platformContext(context);
  const reference = await identifyRun(run, platform, context.platforms, asPlatform);
  const chosen = getPlatform(reference.platform, context.platforms);
  if (chosen.listApps === undefined) {
    throw new UsageError(`${chosen.title} knows no services by name`, { hint: "Name the port: -rp PORT" });
  }
  return chosen.listApps(reference.id, asPlatform, context.signal);
}

/** The setting under which a platform's login is kept. */
export function loginSettingKey(platformName: string, context: AppContext): string {
  return getLogin(platformName, context).settingKey;
}

function getLogin(platformName: string, context: AppContext): PlatformLogin {
  const platform = context.platforms.find(({ name, prefix }) => name === platformName || prefix === platformName);
  if (platform === undefined) throw new NotFoundError(`There is no platform "${platformName}"`);
  if (platform.login === undefined) {
    throw new UsageError(`${platform.title} has no login to keep`, {
      hint: 'See what is configured with "runtunnel config show"',
    });
  }
  return platform.login;
}
