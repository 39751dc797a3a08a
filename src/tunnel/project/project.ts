// What a file of tunnels asks for: the service's file and a project's, read by cli/project-file.ts.
import { createHash } from "node:crypto";
import type { Endpoint } from "../../domain/endpoint.ts";
import { AppError, UsageError } from "../../domain/errors.ts";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import type { ManagedBy } from "../../registry/record.ts";
import { type AppContext, type Configuration, platformContext } from "../context.ts";
import { decidePorts } from "../decide-ports.ts";
import { identifyRun } from "../identify-run.ts";
import { getPlatform } from "../run-access.ts";
import type { StartOptions } from "../start.ts";

/** One entry of the file: a tunnel as `start` would be asked for it. */
export type ProjectEntry = {
  /** Unique in the file. */
  readonly name: string;
  readonly start: Omit<StartOptions, "conflict" | "foreground" | "managedBy">;
  /** Settings of the entry's own, above everybody else's. */
  readonly flags: Readonly<Record<string, string>>;
  readonly profile?: string;
  readonly configuration: Configuration;
  /** Where the entry stands, for messages: `"/path/file", line 4`. */
  readonly where: string;
};

/** What a file says about its supervisor. */
export type ServiceSettings = {
  /** Where health, metrics and the status page are served; absent: nowhere. */
  readonly listen?: Endpoint;
  /** How long connections may take to finish when the service stops, milliseconds. */
  readonly stopTimeoutMs: number;
};

/** A whole file, valid as far as the file alone can tell. */
export type Project = {
  /** Absolute path without symbolic links: the same file has one name. */
  readonly file: string;
  readonly service: ServiceSettings;
  readonly entries: readonly ProjectEntry[];
};

/** One tunnel that a file wants, with its run identified. */
export type WantedTunnel = {
  readonly entry: ProjectEntry;
  readonly spec: TunnelSpec;
  /** The run's name for people. */
  readonly runName: string;
  readonly managedBy: ManagedBy;
};

/** Identifies the runs of all entries, without asking any platform. Throws UsageError with the entry's place. */
export async function resolveProject(project: Project, context: AppContext): Promise<readonly WantedTunnel[]> {
  const wanted: WantedTunnel[] = [];
  for (const entry of project.entries) wanted.push(await resolveEntry(entry, project, context));
  return wanted;
}

async function resolveEntry(entry: ProjectEntry, project: Project, context: AppContext): Promise<WantedTunnel> {
  const { configuration, start } = entry;
  try {
    const asker = await platformContext({ ...context, configuration });
    const reference = await identifyRun(start.run, start.platform, context.platforms, asker);
    const platform = getPlatform(reference.platform, context.platforms);
    const ports = decidePorts(start, platform);
    const spec = { ...start.spec, platform: reference.platform, run: reference.id, ports };
    return {
      entry,
      spec,
      runName: platform.displayName(reference.id),
      managedBy: { file: project.file, entry: entry.name, digest: digestOf(spec, entry) },
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { hint } = error;
    throw new UsageError(`${entry.where}, tunnel "${entry.name}": ${error.message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/** A short name for everything about an entry that needs a restart when it changes. */
export function digestOf(spec: TunnelSpec, entry: Pick<ProjectEntry, "flags" | "profile">): string {
  const text = JSON.stringify([spec, entry.flags, entry.profile ?? null], (_, value: unknown) => sortKeys(value));
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Objects with their keys in order: the same content gives the same text. */
function sortKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
