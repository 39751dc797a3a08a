// `runtunnel list`.
import type { Listing } from "../../tunnel/list.ts";
import type { Command, CommandRun } from "../command.ts";
import { listedJson } from "../describe-tunnel.ts";

export const listCommand: Command = {
  usage: "list",
  toleratesBadSettings: true,
  summary: "List tunnels",
  examples: [
    ["$0 list", "all tunnels in the registry"],
    ["$0 list --json", "the same for programs"],
  ],
  options: (yargs) => yargs,
  run,
};

async function run({ world, context, print }: CommandRun): Promise<undefined> {
  const { listTunnels } = await import("../../tunnel/list.ts");
  const { renderListing } = await import("../render-listing.ts");
  const listing = await listTunnels({}, context);
  print(listingJson(listing), () => renderListing(listing, context, world.stdout));
  return undefined;
}

function listingJson(listing: Listing): unknown {
  return { tunnels: listing.tunnels.map(listedJson), damaged: listing.damaged };
}
