// `runtunnel complete -- WORDS`, which the shells' completion scripts call at every Tab. It asks no network and says
// nothing of its own troubles: a line in the middle of typing is no place for them.
import { parse } from "smol-toml";
import type { AppContext } from "../tunnel/context.ts";
import { recallRuns } from "../tunnel/known-runs.ts";
import { describePorts, localPorts } from "../tunnel/selection.ts";
import { type Candidate, completeWords, type Names } from "./completion-candidates.ts";
import { CliConfiguration } from "./configuration.ts";
import { describeCommand, nameCommand } from "./describe-command.ts";
import { COMMANDS } from "./program.ts";
import type { World } from "./world.ts";

/** Given where the word at the cursor is empty: some shells do not pass on an empty word. */
const EMPTY_WORD = "--empty";

/** Prints one candidate a line, value and description with a tab between, then `:files` or `:end`. Always 0. */
export async function runComplete(words: readonly string[], world: World): Promise<number> {
  const at = words.indexOf("--");
  const typed = at < 0 ? [] : words.slice(at + 1);
  const isEmpty = words.slice(0, at < 0 ? undefined : at).includes(EMPTY_WORD);
  const named = COMMANDS.filter(({ hidden }) => hidden !== true).map((command) => {
    const brief = nameCommand(command);
    return typed.includes(brief.name) ? describeCommand(command, world.declarations) : brief;
  });
  const { candidates, files } = completeWords(isEmpty ? [...typed, ""] : typed, named, await findNames(world));
  const lines = candidates.map(({ description, value }) =>
    description === undefined ? value : `${value}\t${description}`,
  );
  world.stdout.write(`${[...lines, files ? ":files" : ":end"].join("\n")}\n`);
  return 0;
}

async function findNames(world: World): Promise<Names> {
  const context = openContext(world);
  const [records, runs, profiles] = await Promise.all([
    quietly(async () => (await context.registry.list()).records, []),
    recallRuns(context.folders.state),
    quietly(() => readProfiles(world), []),
  ]);
  const nameOf = new Map(context.platforms.map((platform) => [platform.name, platform.title]));
  return {
    runs: runs.map(({ platform, reference, state }) => ({
      value: reference,
      description: `${nameOf.get(platform) ?? platform}, ${state}`,
    })),
    tunnels: unique(records.map((record) => ({ value: record.spec.run, description: describePorts(record) }))),
    localPorts: unique(
      records.flatMap((record) =>
        localPorts(record).map((port) => ({ value: String(port), description: record.runName })),
      ),
    ),
    profiles,
    platforms: context.platforms.map((platform) => platform.name),
  };
}

function openContext(world: World): AppContext {
  const { declarations, clientVariables, environment, configFile, readConfigFile } = world;
  return world.createContext({
    configuration: new CliConfiguration({
      declarations,
      clientVariables,
      environment,
      configFile,
      readConfigFile,
      flags: {},
    }),
    logLevel: "CRITICAL",
    progress: { update: () => {}, note: () => {}, done: () => {} },
  });
}

async function readProfiles(world: World): Promise<readonly string[]> {
  const text = await world.readConfigFile(world.configFile);
  const profiles = text === undefined ? undefined : parse(text)["profiles"];
  return typeof profiles === "object" ? Object.keys(profiles) : [];
}

function unique(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...new Map(candidates.map((candidate) => [candidate.value, candidate])).values()];
}

/** What the work gives, or something else where a file cannot be read or understood. */
async function quietly<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch {
    return otherwise;
  }
}
