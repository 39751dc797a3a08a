// `logs`: what a tunnel's background process wrote, also after the tunnel is gone.
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { NotFoundError, systemErrorCode } from "../domain/errors.ts";
import { runSlug } from "./claim.ts";
import type { AppContext } from "./context.ts";
import { possibleReferences } from "./identify-run.ts";
import { logFolder } from "./log-files.ts";
import { selectRecords } from "./selection.ts";

/** `logs` as asked for. */
export type LogsOptions = {
  readonly run: string;
  readonly platform?: string;
  /** Lines from the end. */
  readonly lines: number;
  /** Go on with what is written from now on, until the context's signal. */
  readonly follow: boolean;
};

/** How often a followed file is looked at: logs are read by people. */
const FOLLOW_INTERVAL_MS = 200;
/** Most of a log that is read for its last lines. */
const MAX_TAIL_BYTES = 4 * 1024 * 1024;

/** Prints the end of the newest log of a run's tunnels. Throws NotFoundError when there is none. */
export async function showLogs(
  options: LogsOptions,
  context: AppContext,
  print: (text: string) => void,
): Promise<void> {
  await showLogFile(await findLog(options, context), options, context, print);
}

/** Prints the end of one log file. */
export async function showLogFile(
  path: string,
  options: Pick<LogsOptions, "lines" | "follow">,
  context: AppContext,
  print: (text: string) => void,
): Promise<void> {
  const text = await readFrom(path, undefined);
  const lines = text.content.split("\n");
  const wanted = lines.slice(Math.max(0, lines.length - 1 - options.lines));
  print(wanted.join("\n"));
  if (options.follow) await followLog(path, text.end, context, print);
}

async function followLog(
  path: string,
  from: number,
  context: AppContext,
  print: (text: string) => void,
): Promise<void> {
  let position = from;
  while (!context.signal.aborted) {
    const next = await readFrom(path, position).catch(() => undefined);
    if (next !== undefined) {
      if (next.content !== "") print(next.content);
      position = next.end;
    }
    await context.clock.sleep(FOLLOW_INTERVAL_MS, context.signal).catch(() => undefined);
  }
}

async function findLog(options: LogsOptions, context: AppContext): Promise<string> {
  const { records } = await context.registry.list();
  const selected = selectRecords(records, options, context).filter((record) => record.logFile !== undefined);
  const newest = selected.at(-1)?.logFile;
  if (newest !== undefined) return newest;
  const kept = await findKeptLog(options, context);
  if (kept !== undefined) return kept;
  throw new NotFoundError(`There is no log of a tunnel to "${options.run}"`, {
    code: "no-log",
    hint: 'Tunnels in the foreground log to the terminal; see all with "runtunnel list"',
  });
}

/** The newest log that a tunnel which is gone has left. */
async function findKeptLog(options: LogsOptions, context: AppContext): Promise<string | undefined> {
  const folder = logFolder(context);
  const slugs = possibleReferences(options.run, options.platform, context.platforms).map(({ id }) => runSlug(id));
  let newest: { readonly path: string; readonly at: number } | undefined;
  for (const name of await listFolder(folder)) {
    if (!slugs.some((slug) => name.startsWith(`${slug}-`) && /^[0-9a-f]{8}\.log$/.test(name.slice(slug.length + 1))))
      continue;
    const path = join(folder, name);
    const at = (await stat(path)).mtimeMs;
    if (newest === undefined || at > newest.at) newest = { path, at };
  }
  return newest?.path;
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** The file from a position (undefined: its last part) to its end. A file that shrank was rotated: read it anew. */
async function readFrom(
  path: string,
  position: number | undefined,
): Promise<{ readonly content: string; readonly end: number }> {
  const file = await open(path, "r").catch((cause) => {
    throw new NotFoundError(`Cannot read log "${path}"`, { code: "no-log", cause });
  });
  try {
    const { size } = await file.stat();
    const start = position === undefined ? Math.max(0, size - MAX_TAIL_BYTES) : position > size ? 0 : position;
    const buffer = Buffer.alloc(Math.min(MAX_TAIL_BYTES, size - start));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return { content: buffer.toString("utf8", 0, bytesRead), end: start + bytesRead };
  } finally {
    await file.close();
  }
}
