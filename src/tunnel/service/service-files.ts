// What a supervisor keeps in the state folder: its lock, what it is doing, and which tunnels somebody stopped by hand.
// All named after the file that it serves, so that there is one supervisor for one file on one machine.
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { ProcessIdentity } from "../../domain/process-identity.ts";
import { ensurePrivateFolder, readTextIfExists, removeIfExists, replaceFile } from "../../os/atomic-file.ts";
import type { ManagedBy } from "../../registry/record.ts";
import type { AppContext } from "../context.ts";

/** One tunnel as its supervisor sees it. */
export type SupervisedTunnel = {
  readonly entry: string;
  readonly run: string;
  readonly platform: string;
  readonly runName: string;
  readonly localPorts: readonly number[];
  readonly state: "waiting" | "starting" | "up" | "stopping" | "held" | "ended";
  /** Times it was started again after it had been up. */
  readonly restarts: number;
  readonly pid?: number;
  /** Why it is not up. */
  readonly problem?: string;
  readonly hint?: string;
  /** Milliseconds since 1970. */
  readonly nextTryAt?: number;
};

/** A supervisor as it describes itself, for `service status`, `stop` and `reload`. */
export type SupervisorState = {
  readonly file: string;
  readonly machine: string;
  readonly process: ProcessIdentity;
  readonly startedAt: number;
  readonly control: { readonly port: number; readonly token: string };
  /** Where health and metrics are served. */
  readonly url?: string;
  readonly statusText: string;
  readonly tunnels: readonly SupervisedTunnel[];
};

const tunnelSchema = v.object({
  entry: v.string(),
  run: v.string(),
  platform: v.string(),
  runName: v.string(),
  localPorts: v.array(v.number()),
  state: v.picklist(["waiting", "starting", "up", "stopping", "held", "ended"]),
  restarts: v.number(),
  pid: v.exactOptional(v.number()),
  problem: v.exactOptional(v.string()),
  hint: v.exactOptional(v.string()),
  nextTryAt: v.exactOptional(v.number()),
});
const stateSchema = v.object({
  file: v.string(),
  machine: v.string(),
  process: v.object({ pid: v.number(), startedAt: v.string(), bootId: v.string() }),
  startedAt: v.number(),
  control: v.object({ port: v.number(), token: v.string() }),
  url: v.exactOptional(v.string()),
  statusText: v.string(),
  tunnels: v.array(tunnelSchema),
});
const holdSchema = v.object({ file: v.string(), entry: v.string(), at: v.number() });

/** Fifty tunnels make about twenty kilobytes. */
const MAX_STATE_BYTES = 4 * 1024 * 1024;

/** Makes the folder of the supervisors and returns the path of the lock for a file. */
export async function prepareServiceLock(file: string, context: AppContext): Promise<string> {
  await ensurePrivateFolder(folder(context));
  return `${basePath(file, context)}.lock`;
}

/** Writes what the supervisor is doing. */
export async function writeSupervisorState(state: SupervisorState, context: AppContext): Promise<void> {
  await replaceFile(`${basePath(state.file, context)}.json`, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Takes the supervisor's description away. */
export async function removeSupervisorState(file: string, context: AppContext): Promise<void> {
  await removeIfExists(`${basePath(file, context)}.json`);
}

/** All supervisors of this machine that live. */
export async function listSupervisors(context: AppContext): Promise<readonly SupervisorState[]> {
  const states: SupervisorState[] = [];
  for (const name of await listNames(folder(context))) {
    if (!name.endsWith(".json")) continue;
    const text = await readTextIfExists(join(folder(context), name), MAX_STATE_BYTES).catch(() => undefined);
    const state = v.safeParse(stateSchema, parseJson(text ?? ""));
    if (!state.success || state.output.machine !== context.processes.machine()) continue;
    if (context.processes.isAlive(state.output.process)) states.push(state.output);
  }
  return states;
}

/** Marks an entry as stopped by hand: its supervisor leaves it alone until it is told otherwise. */
export async function holdEntry(entry: Pick<ManagedBy, "file" | "entry">, context: AppContext): Promise<void> {
  await ensurePrivateFolder(holdFolder(entry.file, context));
  const mark = { file: entry.file, entry: entry.entry, at: context.clock.now() };
  await replaceFile(holdPath(entry, context), `${JSON.stringify(mark)}\n`);
}

/** Takes the mark away; none is fine. */
export async function releaseEntry(entry: Pick<ManagedBy, "file" | "entry">, context: AppContext): Promise<void> {
  await removeIfExists(holdPath(entry, context));
}

/** Entries of a file that were stopped by hand, with the time, milliseconds since 1970. */
export async function heldEntries(file: string, context: AppContext): Promise<ReadonlyMap<string, number>> {
  const held = new Map<string, number>();
  for (const name of await listNames(holdFolder(file, context))) {
    const text = await readTextIfExists(join(holdFolder(file, context), name), MAX_STATE_BYTES).catch(() => undefined);
    const mark = v.safeParse(holdSchema, parseJson(text ?? ""));
    if (mark.success) held.set(mark.output.entry, mark.output.at);
  }
  return held;
}

function folder(context: AppContext): string {
  return join(context.folders.state, "services");
}

/** The machine is part of the name: a state folder on NFS serves several. */
function basePath(file: string, context: AppContext): string {
  return join(folder(context), shortHash(`${context.processes.machine()}\n${file}`));
}

function holdFolder(file: string, context: AppContext): string {
  return `${basePath(file, context)}.held`;
}

function holdPath({ entry, file }: Pick<ManagedBy, "file" | "entry">, context: AppContext): string {
  return join(holdFolder(file, context), shortHash(entry));
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

async function listNames(path: string): Promise<readonly string[]> {
  return readdir(path).catch((): string[] => []);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
