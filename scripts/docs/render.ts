// The documents that are made from the commands' definitions, as text.
import manifest from "../../package.json" with { type: "json" };
import { CORE_SETTINGS } from "../../src/cli/core-settings.ts";
import { describeCommand } from "../../src/cli/describe-command.ts";
import { COMMANDS } from "../../src/cli/program.ts";
import { platforms } from "../../src/platforms/catalog.ts";
import { renderManual } from "./manual.ts";
import { renderMarkdown } from "./markdown.ts";
import type { Reference } from "./reference.ts";

/** A document of this date, at its path below the project's folder. */
export type Document = { readonly path: string; readonly render: (date: string) => string };

/** All of them. */
export function referenceDocuments(): readonly Document[] {
  const reference = makeReference();
  return [
    { path: "docs/commands.md", render: () => renderMarkdown(reference) },
    { path: "docs/runtunnel.1", render: (date) => renderManual(reference, date) },
  ];
}

function makeReference(): Reference {
  const settings = [...CORE_SETTINGS, ...platforms.flatMap((platform) => platform.settings)];
  return {
    version: manifest.version,
    settings,
    commands: COMMANDS.filter(({ hidden }) => hidden !== true).map((command) => describeCommand(command, settings)),
  };
}
