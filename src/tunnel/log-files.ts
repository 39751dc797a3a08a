// The logs of background tunnels in the state folder: who was stopped on purpose leaves none, who ended by itself leaves
// one to look at, and of those only the newest are kept.
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ensurePrivateFolder } from "../os/atomic-file.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";

/** Logs of ended tunnels that are kept. */
const KEPT_LOGS = 20;

/** The folder of logs that nobody chose a place for. */
export function logFolder(context: AppContext): string {
  return join(context.folders.state, "logs");
}

/** Where the tunnel's log goes: where the user said, or into the state folder. */
export async function prepareLogFile(record: TunnelRecord, context: AppContext): Promise<string> {
  if (record.logFile !== undefined) return record.logFile;
  await ensurePrivateFolder(logFolder(context));
  return ownLogFile(record, context);
}

/** Removes the log of a tunnel that was stopped on purpose. A file that the user chose stays. */
export async function removeLog(record: TunnelRecord, context: AppContext): Promise<void> {
  const path = ownLogFile(record, context);
  if (record.logFile !== path) return;
  for (const name of await listLogs(context)) {
    const file = join(logFolder(context), name);
    if (file === path || file.startsWith(`${path}.`)) await rm(file, { force: true });
  }
}

/** Removes all but the newest logs of tunnels that are gone. */
export async function pruneLogs(context: AppContext): Promise<void> {
  const names = await listLogs(context);
  if (names.length <= KEPT_LOGS) return;
  const { records } = await context.registry.list();
  const dated: { readonly path: string; readonly at: number }[] = [];
  for (const name of names) {
    if (records.some((record) => name.startsWith(`${record.id}.log`))) continue;
    const path = join(logFolder(context), name);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined) dated.push({ path, at: status.mtimeMs });
  }
  dated.sort((one, other) => other.at - one.at);
  for (const { path } of dated.slice(KEPT_LOGS)) await rm(path, { force: true });
}

function ownLogFile(record: TunnelRecord, context: AppContext): string {
  return join(logFolder(context), `${record.id}.log`);
}

async function listLogs(context: AppContext): Promise<readonly string[]> {
  const names = await readdir(logFolder(context)).catch((): string[] => []);
  return names.filter((name) => /\.log(\.\d+)?$/.test(name));
}
