// From a file of tunnels to what the use cases want: each entry becomes the options that `start` would have.
import { AppError } from "../domain/errors.ts";
import type { Project, ProjectEntry } from "../tunnel/project/project.ts";
import type { CliConfiguration } from "./configuration.ts";
import {
  type Mistake,
  mistakesError,
  type ProjectFileContent,
  type ProjectFileEntry,
  parseProjectFile,
  projectFolder,
} from "./project-file.ts";
import { startOptions } from "./start-options.ts";
import type { World } from "./world.ts";

/** Turns the text of a file into a project. Throws one UsageError that names every mistake. */
export async function loadProject(
  source: { readonly file: string; readonly text: string },
  configuration: CliConfiguration,
  world: Pick<World, "declarations" | "homeFolder">,
): Promise<Project> {
  const content = parseProjectFile(source.text, source.file, world.declarations);
  const mistakes: Mistake[] = [];
  const entries: ProjectEntry[] = [];
  for (const entry of content.entries) {
    try {
      entries.push(await toEntry(entry, content, source.file, configuration, world));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const text = `${content.placeOf(entry)}: ${fieldsForOptions(error.message)}`;
      mistakes.push({
        text,
        ...(error.hint === undefined ? {} : { hint: fieldsForOptions(error.hint) }),
        cause: error,
      });
    }
  }
  if (mistakes.length > 0) throw mistakesError(source.file, mistakes);
  return { file: source.file, service: content.service, entries };
}

async function toEntry(
  entry: ProjectFileEntry,
  content: ProjectFileContent,
  file: string,
  configuration: CliConfiguration,
  world: Pick<World, "declarations" | "homeFolder">,
): Promise<ProjectEntry> {
  const { profile, ...words } = entry.words;
  const flags: Record<string, string> = {};
  for (const { flag, key } of world.declarations) {
    const word = flag === undefined ? undefined : words[flag];
    if (typeof word === "string" || typeof word === "boolean") flags[key] = String(word);
  }
  const profileName = typeof profile === "string" ? profile : undefined;
  const own = configuration.derive(flags, profileName);
  const options = startOptions(words, await own.load(), projectFolder(file), world.homeFolder);
  const { foreground: _foreground, conflict: _conflict, ...start } = options;
  return {
    name: entry.name,
    start,
    flags,
    ...(profileName === undefined ? {} : { profile: profileName }),
    configuration: own,
    where: `"${file}", ${content.placeOf(entry, "run")}`,
  };
}

/** What `start` calls options is called fields here: `--ssh-host` is "ssh-host". */
function fieldsForOptions(text: string): string {
  return text.replaceAll(/--([a-z][a-z-]+[a-z])(?:\/-[a-z]+)?/g, '"$1"');
}
