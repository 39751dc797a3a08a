// From what the user typed to a platform and a canonical id, before anything is asked over the network.
import { UsageError } from "../domain/errors.ts";
import type { Claim, RunReference } from "../domain/run-name.ts";
import type { Platform, PlatformContext } from "../platforms/platform.ts";

const WEIGHT: Readonly<Record<Claim, number>> = { certain: 3, likely: 2, possible: 1 };

type Candidate = { readonly platform: Platform; readonly id: string; readonly weight: number };

/** Which run is meant. `forced` is the value of `--platform`. Throws UsageError when the name fits nothing, or fits two
 * configured platforms equally well. */
export async function identifyRun(
  name: string,
  forced: string | undefined,
  platforms: readonly Platform[],
  context: PlatformContext,
): Promise<RunReference> {
  const { platform, rest } = splitPrefix(name, forced, platforms);
  if (platform !== undefined) return recogniseBy(platform, rest);
  const candidates = platforms.flatMap((candidate): Candidate[] => {
    const recognised = candidate.recognise(name);
    return recognised === undefined
      ? []
      : [{ platform: candidate, id: recognised.id, weight: WEIGHT[recognised.claim] }];
  });
  if (candidates.length === 0) throw notARun(name);
  const chosen = await strongest(candidates, context);
  if (chosen.length > 1) throw ambiguous(name, chosen);
  const [only] = chosen;
  if (only === undefined) throw notARun(name);
  return { platform: only.platform.name, id: only.id };
}

/** All readings of a name, for commands that look through existing tunnels (`stop`, `status`). */
export function possibleReferences(
  name: string,
  forced: string | undefined,
  platforms: readonly Platform[],
): readonly RunReference[] {
  const { platform, rest } = splitPrefix(name, forced, platforms);
  const asked = platform === undefined ? platforms : [platform];
  return asked.flatMap((candidate) => {
    const recognised = candidate.recognise(platform === undefined ? name : rest);
    return recognised === undefined ? [] : [{ platform: candidate.name, id: recognised.id }];
  });
}

function splitPrefix(
  name: string,
  forced: string | undefined,
  platforms: readonly Platform[],
): { readonly platform: Platform | undefined; readonly rest: string } {
  if (name.trim() === "") throw new UsageError("The run's name is empty");
  const match = /^([a-z]+):(?!:)(.+)$/.exec(name);
  const prefixed = platforms.find((candidate) => candidate.prefix === match?.[1]);
  if (forced === undefined) return { platform: prefixed, rest: prefixed === undefined ? name : (match?.[2] ?? name) };
  const platform = platforms.find((candidate) => candidate.name === forced || candidate.prefix === forced);
  if (platform === undefined) {
    throw new UsageError(`There is no platform "${forced}"`, {
      hint: `Platforms are: ${platforms.map((candidate) => candidate.name).join(", ")}`,
    });
  }
  return { platform, rest: prefixed === platform ? (match?.[2] ?? name) : name };
}

function recogniseBy(platform: Platform, name: string): RunReference {
  const recognised = platform.recognise(name);
  if (recognised === undefined) throw new UsageError(`"${name}" is not a name of a run on ${platform.title}`);
  return { platform: platform.name, id: recognised.id };
}

/** The heaviest claims; where several tie, or a weaker one is the only configured platform, configuration decides. */
async function strongest(candidates: readonly Candidate[], context: PlatformContext): Promise<readonly Candidate[]> {
  const certain = candidates.filter((candidate) => candidate.weight === WEIGHT.certain);
  if (certain.length === 1) return certain;
  const configured: Candidate[] = [];
  for (const candidate of candidates) {
    if (await candidate.platform.isConfigured(context)) configured.push(candidate);
  }
  const pool = configured.length > 0 ? configured : candidates;
  const top = Math.max(...pool.map((candidate) => candidate.weight));
  return pool.filter((candidate) => candidate.weight === top);
}

function ambiguous(name: string, candidates: readonly Candidate[]): UsageError {
  const titles = candidates.map(({ platform }) => platform.title).join(" and ");
  const prefixed = candidates.map(({ platform }) => `${platform.prefix}:${name}`).join(" or ");
  return new UsageError(`"${name}" may be a run on ${titles}`, {
    code: "ambiguous-run",
    hint: `Write ${prefixed}, or add --platform ${candidates.map(({ platform }) => platform.name).join("|")}`,
  });
}

function notARun(name: string): UsageError {
  return new UsageError(`"${name}" is not a run id, a session name or a host`, {
    hint: "Examples: 56819, pipeline-56819, my-session, 10.244.1.2",
  });
}
