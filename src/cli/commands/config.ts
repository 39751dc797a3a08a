// `runtunnel config show`.
import type { Command, CommandRun } from "../command.ts";
import { CORE_SETTINGS } from "../core-settings.ts";

export const configCommand: Command = {
  usage: "config show",
  summary: "Print each setting with where it came from",
  details: "First wins: flag, environment, configuration file (with --profile), the platform's own client files.",
  examples: [
    ["$0 config show", "all settings, secrets masked"],
    ["$0 config show --profile work --json", "those of a profile, for programs"],
  ],
  options: (yargs) => yargs,
  run,
};

async function run({ world, context, print }: CommandRun): Promise<undefined> {
  const { describeConfiguration } = await import("../../tunnel/show-config.ts");
  const { renderTable } = await import("../output.ts");
  const rows = await describeConfiguration(CORE_SETTINGS, world.configFile, context);
  print({ settings: rows.map((row) => ({ key: row.key, value: row.value ?? null, source: row.source })) }, () =>
    renderTable(
      rows,
      [
        { title: "SETTING", value: (row) => row.key },
        { title: "VALUE", value: (row) => row.value ?? "-", shrinks: true },
        { title: "FROM", value: (row) => row.source, shrinks: true },
      ],
      world.stdout.columns,
    ),
  );
  return undefined;
}
