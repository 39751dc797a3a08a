// `runs`: the user's runs on all configured platforms, each with the tunnels that lead to it.
import { AppError, UsageError } from "../domain/errors.ts";
import type { ListedRun, Platform, PlatformContext } from "../platforms/platform.ts";
import type { TunnelRecord } from "../registry/record.ts";
import { type AppContext, platformContext } from "./context.ts";
import { identifyRun } from "./identify-run.ts";
import { rememberRuns } from "./known-runs.ts";
import { getPlatform } from "./run-access.ts";

/** What to list. */
export type RunsOptions = {
  readonly platform?: string;
  /** Runs that are over, too. */
  readonly ended: boolean;
  readonly limit: number;
};

/** A run, what to type to mean it, and its living tunnels. */
export type FoundRun = ListedRun & {
  readonly platform: string;
  readonly reference: string;
  readonly tunnels: readonly TunnelRecord[];
};

/** What was found; `failures` are platforms that did not answer while another one did. */
export type FoundRuns = {
  readonly runs: readonly FoundRun[];
  readonly isComplete: boolean;
  readonly failures: readonly { readonly platform: string; readonly error: AppError }[];
};

type Asked =
  | { readonly platform: Platform; readonly runs: readonly ListedRun[]; readonly isComplete: boolean }
  | { readonly platform: Platform; readonly error: AppError };

/** Asks all platforms side by side. Throws what went wrong where no platform answered, UsageError where none is set up. */
export async function findRuns(options: RunsOptions, context: AppContext): Promise<FoundRuns> {
  const asPlatform = await platformContext(context);
  const platforms = await choosePlatforms(options.platform, asPlatform, context);
  const query = { ended: options.ended, limit: options.limit };
  const asked = await Promise.all(platforms.map((platform) => ask(platform, query, asPlatform, context)));
  const failures = asked.flatMap((one) => ("error" in one ? [{ platform: one.platform.title, error: one.error }] : []));
  if (failures.length === asked.length && failures[0] !== undefined) throw failures[0].error;
  const { records } = await context.registry.list();
  const living = records.filter((record) => context.registry.liveness(record) === "alive");
  const runs: FoundRun[] = [];
  for (const one of asked) {
    if ("error" in one) continue;
    for (const run of one.runs) runs.push(await describeRun(run, one.platform, living, asPlatform, context));
  }
  const answered = asked.filter((one) => !("error" in one)).map((one) => one.platform.name);
  await rememberRuns(runs, answered, context);
  return { runs, isComplete: asked.every((one) => "error" in one || one.isComplete), failures };
}

async function ask(
  platform: Platform,
  query: { readonly ended: boolean; readonly limit: number },
  asPlatform: PlatformContext,
  context: AppContext,
): Promise<Asked> {
  try {
    const list = await platform.list?.(query, asPlatform, context.signal);
    return { platform, runs: list?.runs ?? [], isComplete: list?.isComplete ?? true };
  } catch (error) {
    if (!(error instanceof AppError) || context.signal.aborted) throw error;
    return { platform, error };
  }
}

async function choosePlatforms(
  named: string | undefined,
  asPlatform: PlatformContext,
  context: AppContext,
): Promise<readonly Platform[]> {
  const listing = context.platforms.filter((platform) => platform.list !== undefined);
  if (named !== undefined) {
    const name = context.platforms.find(({ prefix }) => prefix === named)?.name ?? named;
    if (listing.some((platform) => platform.name === name)) return [getPlatform(name, listing)];
    throw new UsageError(`Cannot list runs of platform "${named}"`, {
      hint: `Platforms that know runs are: ${listing.map((platform) => platform.name).join(", ")}`,
    });
  }
  const configured: Platform[] = [];
  for (const platform of listing) {
    if (await platform.isConfigured(asPlatform)) configured.push(platform);
  }
  if (configured.length > 0) return configured;
  throw new UsageError("No platform is set up, so there are no runs to list", {
    code: "not-configured",
    hint: 'Run "runtunnel init", or try "runtunnel sandbox -- runtunnel runs"',
  });
}

async function describeRun(
  run: ListedRun,
  platform: Platform,
  living: readonly TunnelRecord[],
  asPlatform: PlatformContext,
  context: AppContext,
): Promise<FoundRun> {
  const ids = [run.id, platform.recognise(run.id)?.id];
  return {
    ...run,
    platform: platform.name,
    reference: await referenceTo(run, platform, asPlatform, context),
    tunnels: living.filter(({ spec }) => spec.platform === platform.name && ids.includes(spec.run)),
  };
}

/** The id, with the platform's prefix where it alone would mean something else. */
async function referenceTo(
  run: ListedRun,
  platform: Platform,
  asPlatform: PlatformContext,
  context: AppContext,
): Promise<string> {
  try {
    const meant = await identifyRun(run.id, undefined, context.platforms, asPlatform);
    if (meant.platform === platform.name) return run.id;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  return `${platform.prefix}:${run.id}`;
}
