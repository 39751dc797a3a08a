// `runtunnel diff [FILE]`.
import { formatPorts } from "../../domain/ports.ts";
import type { Change } from "../../tunnel/project/project-apply.ts";
import type { Command, CommandRun } from "../command.ts";
import { fileArgument, readProject } from "./up.ts";

/** What `up` would do, as the first word of a line. */
const SIGNS: Readonly<Record<Change["kind"], string>> = {
  keep: "=",
  start: "+",
  replace: "~",
  wait: "~",
  blocked: "!",
  remove: "-",
};

const WORDS: Readonly<Record<Change["kind"], string>> = {
  keep: "is up",
  start: "would be started",
  replace: "changed, would be restarted",
  wait: "is stopping, would be started again",
  blocked: "cannot start, another tunnel has its local port",
  remove: "left the file, would be stopped",
};

export const diffCommand: Command = {
  usage: "diff [file]",
  summary: "Show what up would do",
  examples: [
    ["$0 diff", "against runtunnel.toml in this folder"],
    ["$0 diff --json", "the same for programs"],
  ],
  options: fileArgument,
  run,
};

async function run(command: CommandRun): Promise<number> {
  const { diffProject } = await import("../../tunnel/project/project-apply.ts");
  const changes = await diffProject(await readProject(command), command.context);
  command.print(
    { changes: changes.filter(({ kind }) => kind !== "keep").length, tunnels: changes.map(changeJson) },
    () => changes.map(renderChange).join(""),
  );
  return 0;
}

function renderChange(change: Change): string {
  return `${SIGNS[change.kind]} ${change.entry} (${change.runName}, local port ${formatPorts(portsOf(change).map(({ local }) => local))}): ${WORDS[change.kind]}\n`;
}

function changeJson(change: Change): Readonly<Record<string, unknown>> {
  const { entry, kind, record, runName } = change;
  return {
    entry,
    action: kind,
    name: runName,
    ports: portsOf(change),
    tunnel: record?.id ?? null,
    pid: record?.process?.pid ?? null,
  };
}

function portsOf({ record, wanted }: Change): readonly { readonly local: number; readonly remote: number }[] {
  return wanted?.spec.ports ?? record?.boundPorts ?? record?.spec.ports ?? [];
}
