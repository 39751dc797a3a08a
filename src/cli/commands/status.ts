// `runtunnel status [RUN]`.
import { NotFoundError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { statusJson, suggestTunnel } from "../describe-tunnel.ts";
import { platformOption, readPortList, readText, SHORT_NAMES } from "../options.ts";

export const statusCommand: Command = {
  usage: "status [run]",
  toleratesBadSettings: true,
  summary: "Show tunnels in full: health, last errors, recent probes, outages",
  examples: [
    ["$0 status 56819", "the tunnels to run 56819"],
    ["$0 status -lp 4567 --json", "one tunnel, for programs"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("run", { type: "string", describe: "Run id, session, host or tunnel id" })
      .option("local-port", { alias: SHORT_NAMES["local-port"], type: "string", describe: "Local port" }),
  run,
};

async function run({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { listTunnels } = await import("../../tunnel/list.ts");
  const { renderStatus } = await import("../render-listing.ts");
  const name = readText(words, "run");
  const platform = readText(words, "platform");
  const localPorts = readPortList(words, "local-port");
  const { tunnels } = await listTunnels(
    {
      ...(name === undefined ? {} : { run: name }),
      ...(platform === undefined ? {} : { platform }),
      ...(localPorts === undefined ? {} : { localPorts }),
      history: true,
    },
    context,
  );
  if (tunnels.length === 0 && (name !== undefined || localPorts !== undefined)) {
    const { tunnels: all } = await listTunnels({}, context);
    throw new NotFoundError(`There is no tunnel ${name === undefined ? "on this local port" : `to "${name}"`}`, {
      code: "no-tunnel",
      hint: suggestTunnel(name, all),
    });
  }
  print({ tunnels: tunnels.map(statusJson) }, () =>
    tunnels.length === 0
      ? "No tunnels. Start one: runtunnel start RUN -lp PORT -rp PORT\n"
      : tunnels.map((tunnel) => renderStatus(tunnel, context, world.stdout)).join("\n"),
  );
  return undefined;
}
