// Asks a platform for a run, with the options that a tunnel's spec holds.
import { LocalError } from "../domain/errors.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import type { Platform, ResolvedRun } from "../platforms/platform.ts";
import { type AppContext, platformContext } from "./context.ts";

/** What of a spec a platform needs to find the run and the way to it. */
export type RunRequest = Pick<
  TunnelSpec,
  "platform" | "run" | "direct" | "region" | "actAs" | "app" | "identity" | "ssh" | "retries"
>;

/** Resolves the run anew, with settings and tokens as they are now. */
export async function resolveRun(request: RunRequest, context: AppContext, signal: AbortSignal): Promise<ResolvedRun> {
  const platform = getPlatform(request.platform, context.platforms);
  return platform.resolve(
    request.run,
    {
      direct: request.direct,
      identityGiven: request.identity !== undefined,
      sshWanted: request.ssh !== undefined,
      retries: request.retries,
      signal,
      ...(request.region === undefined ? {} : { region: request.region }),
      ...(request.actAs === undefined ? {} : { actAs: request.actAs }),
      ...(request.app === undefined ? {} : { app: request.app }),
    },
    await platformContext(context),
  );
}

/** The platform of that name. A record may name one that this build lacks. */
export function getPlatform(name: string, platforms: readonly Platform[]): Platform {
  const platform = platforms.find((candidate) => candidate.name === name);
  if (platform === undefined) throw new LocalError(`This runtunnel knows no platform "${name}"`);
  return platform;
}
