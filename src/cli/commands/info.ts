// `runtunnel info RUN`.
import { UsageError } from "../../domain/errors.ts";
import type { ConnectionInfo } from "../../tunnel/connection-info.ts";
import type { Command, CommandRun } from "../command.ts";
import { platformOption, readText, resolveUserPath } from "../options.ts";

export const infoCommand: Command = {
  usage: "info <run>",
  summary: "Show how to connect through a tunnel: commands, URLs, PuTTY, FileZilla, VS Code",
  examples: [
    ["$0 info 56819", "everything at a glance"],
    ["$0 info 56819 --filezilla sites.xml", "a file that FileZilla imports"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("run", { type: "string", describe: "Run id, session or host" })
      .option("filezilla", { type: "string", describe: "Write a Site Manager file for FileZilla" }),
  run,
};

async function run({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { connectionInfo, writeFileZillaFile } = await import("../../tunnel/connection-info.ts");
  const name = readText(words, "run");
  if (name === undefined) throw new UsageError("No run is given");
  const platform = readText(words, "platform");
  const info = await connectionInfo({ run: name, ...(platform === undefined ? {} : { platform }) }, context);
  const file = readText(words, "filezilla");
  if (file !== undefined) {
    const path = resolveUserPath(file, world.workingFolder, world.homeFolder);
    await writeFileZillaFile(path, info);
    print({ ...info, written: path }, () => `Wrote ${path}. In FileZilla: File, Import.\n`);
    return undefined;
  }
  print(info, () => renderInfo(info));
  return undefined;
}

function renderInfo(info: ConnectionInfo): string {
  const rows: [string, string][] = [
    ["Run", `${info.run} (${info.platform})`],
    ["User", info.user],
    ["Host", info.host],
    ["Port", String(info.port)],
  ];
  if (info.identityFile !== undefined) rows.push(["Key", info.identityFile]);
  if (info.getKey !== undefined) rows.push(["Key", info.getKey]);
  if (info.ppkFile !== undefined) rows.push(["PuTTY key", info.ppkFile]);
  rows.push(
    ["ssh", info.commands.ssh],
    ["sftp", info.commands.sftp],
    ["scp up", info.commands.upload],
    ["scp down", info.commands.download],
    ["rsync", info.commands.rsync],
    ["SSH URL", info.urls.ssh],
    ["SFTP URL", info.urls.sftp],
    ["VS Code", info.urls.vscode],
    ...info.putty.map((step, index): [string, string] => [index === 0 ? "PuTTY" : "", step]),
    ...info.filezilla.map((step, index): [string, string] => [index === 0 ? "FileZilla" : "", step]),
  );
  const width = Math.max(...rows.map(([title]) => title.length)) + 2;
  return rows.map(([title, value]) => `${title.padEnd(width)}${value}\n`).join("");
}
