// `init`: what a platform wants to know, whether the server agrees, and the file that keeps it.
import { dirname } from "node:path";
import { UsageError } from "../domain/errors.ts";
import { ensurePrivateFolder, readTextIfExists, replaceFile } from "../os/atomic-file.ts";
import type { FoundSetup, Platform, PlatformSetup } from "../platforms/platform.ts";
import { type AppContext, platformContext } from "./context.ts";

/** A platform that can be set up. */
export type SetupTarget = { readonly name: string; readonly title: string; readonly setup: PlatformSetup };

/** Longest configuration file edited. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Platforms that have something to set up. */
export function setupTargets(context: AppContext): readonly SetupTarget[] {
  return context.platforms.flatMap((platform) => toTarget(platform));
}

/** The one of this name or prefix. Throws UsageError for others. */
export function getSetupTarget(name: string, context: AppContext): SetupTarget {
  const platform = context.platforms.find((candidate) => candidate.name === name || candidate.prefix === name);
  const [target] = platform === undefined ? [] : toTarget(platform);
  if (target !== undefined) return target;
  throw new UsageError(`There is nothing to set up for platform "${name}"`, {
    hint: `Platforms are: ${setupTargets(context)
      .map((known) => known.name)
      .join(", ")}`,
  });
}

/** What the platform's own client has on this machine. */
export async function findExistingSetup(target: SetupTarget, context: AppContext): Promise<FoundSetup | undefined> {
  return target.setup.findExisting(await platformContext(context));
}

/** Asks the server with the settings of this context; who we are there. */
export async function verifySetup(target: SetupTarget, context: AppContext): Promise<string> {
  return target.setup.verify(await platformContext(context), context.signal);
}

/** Edits the configuration file; nobody else can read it afterwards, since it holds a secret. */
export async function saveConfiguration(path: string, edit: (text: string) => string): Promise<void> {
  const edited = edit((await readTextIfExists(path, MAX_CONFIG_BYTES)) ?? "");
  await ensurePrivateFolder(dirname(path));
  await replaceFile(path, edited, { mode: 0o600, enforceMode: true });
}

function toTarget({ name, title, setup }: Platform): readonly SetupTarget[] {
  return setup === undefined ? [] : [{ name, title, setup }];
}
