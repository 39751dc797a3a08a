// `runtunnel list`.
import { UsageError } from "../../domain/errors.ts";
import type { Listing } from "../../tunnel/list.ts";
import type { Command, CommandRun } from "../command.ts";
import { listedJson } from "../describe-tunnel.ts";
import { readDuration, readSwitch } from "../options.ts";
import { whileRead } from "../while-read.ts";

/** Often enough to look alive, rarely enough to cost nothing. */
const DEFAULT_INTERVAL_MS = 2000;
const LEAST_INTERVAL_MS = 100;

export const listCommand: Command = {
  usage: "list",
  summary: "List tunnels",
  examples: [
    ["$0 list", "all tunnels in the registry"],
    ["$0 list --watch", "as they are, until Ctrl+C"],
    ["$0 list --json", "the same for programs; with --watch one line for each change"],
  ],
  toleratesBadSettings: true,
  options: (yargs) =>
    yargs
      .option("watch", {
        alias: "w",
        type: "boolean",
        describe: "Go on until Ctrl+C; in a pipe: a line for each change",
      })
      .option("interval", {
        type: "string",
        describe: "Between two looks of --watch; bare number: seconds [default: 2s]",
      }),
  run,
};

async function run({ world, arguments: words, context, json, print }: CommandRun): Promise<undefined> {
  const { listTunnels } = await import("../../tunnel/list.ts");
  const look = (): Promise<Listing> => listTunnels({}, context);
  if (readSwitch(words, "watch")) {
    const { watchListing } = await import("../watch-listing.ts");
    const intervalMs = readDuration(words, "interval", "s") ?? DEFAULT_INTERVAL_MS;
    if (intervalMs < LEAST_INTERVAL_MS)
      throw new UsageError("--interval is too short", { hint: "The shortest is 100ms" });
    await watchListing({ look, intervalMs, json }, whileRead(context, world.stdout), world.stdout);
    return undefined;
  }
  if (words["interval"] !== undefined) throw new UsageError("--interval makes sense only with --watch");
  const { renderListing } = await import("../render-listing.ts");
  const listing = await look();
  print(listingJson(listing), () => renderListing(listing, context, world.stdout));
  return undefined;
}

function listingJson(listing: Listing): unknown {
  return { tunnels: listing.tunnels.map(listedJson), damaged: listing.damaged };
}
