// `runtunnel runs`.
import type { FoundRun, FoundRuns } from "../../tunnel/list-runs.ts";
import type { Command, CommandRun } from "../command.ts";
import { parseWholeNumber, platformOption, readSwitch, readText } from "../options.ts";

/** More than a screen, less than a wait. */
const DEFAULT_LIMIT = "100";
const MAX_LIMIT = 1000;

/** States by which runs that are over are left out. */
const LIVE_PHASES = ["ready", "waiting", "paused", "closed"];

export const runsCommand: Command = {
  usage: "runs",
  summary: "List your runs, and which of them have a tunnel",
  details:
    "Asks every platform that is set up. Runs that are over are left out unless asked for. States are the platform's own words, or: ready, waiting, paused, closed (lets no tunnel in), ended.",
  examples: [
    ["$0 runs", "all runs that are not over"],
    ["$0 runs --state ready", "those that a tunnel can be opened to now"],
    ["$0 runs --state paused,stopped --platform cloud-pipeline", "states are listed with commas"],
    ["$0 runs --all --json", "with those that are over, for programs"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .option("state", { type: "string", describe: "Only runs in these states" })
      .option("all", { type: "boolean", describe: "Also runs that are over" })
      .option("limit", { type: "string", describe: `At most so many of each platform [default: ${DEFAULT_LIMIT}]` }),
  run,
};

async function run({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { findRuns } = await import("../../tunnel/list-runs.ts");
  const { renderRuns } = await import("../render-runs.ts");
  const platform = readText(words, "platform");
  const states = readText(words, "state")
    ?.split(",")
    .map((state) => state.trim().toLowerCase());
  const ended = readSwitch(words, "all") || states?.every((state) => LIVE_PHASES.includes(state)) === false;
  const limit = parseWholeNumber(readText(words, "limit") ?? DEFAULT_LIMIT, "--limit", 1, MAX_LIMIT);
  context.progress.update("Asking for your runs");
  const all = await findRuns({ ended, limit, ...(platform === undefined ? {} : { platform }) }, context);
  context.progress.done();
  for (const { platform: title, error } of all.failures) context.progress.note(`warning: ${title}: ${error.message}`);
  const found = { ...all, runs: all.runs.filter((one) => isIn(one, states)) };
  print(runsJson(found), () => renderRuns(found, all, context, world.stdout));
  return undefined;
}

function isIn(found: FoundRun, states: readonly string[] | undefined): boolean {
  return states === undefined || states.includes(found.phase) || states.includes(found.state.toLowerCase());
}

/** Held by docs/schema/runs.json. */
function runsJson({ runs, isComplete, failures }: FoundRuns): unknown {
  return {
    runs: runs.map((found) => ({
      run: found.reference,
      id: found.id,
      name: found.name,
      platform: found.platform,
      state: found.state,
      phase: found.phase,
      owner: found.owner ?? null,
      image: found.image ?? null,
      startedAt: found.startedAt ?? null,
      tunnels: found.tunnels.map(({ boundPorts, id, spec }) => ({
        id,
        listenAddress: spec.listenAddress,
        ports: boundPorts ?? spec.ports,
      })),
    })),
    complete: isComplete,
    failures: failures.map(({ platform, error }) => ({ platform, code: error.code, message: error.message })),
  };
}
