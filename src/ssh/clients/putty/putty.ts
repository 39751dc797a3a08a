// PuTTY, plink, pscp, psftp: a saved session under the alias, and the run's host keys.
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { ensurePrivateFolder, readBytesIfExists, removeIfExists } from "../../../os/atomic-file.ts";
import { puttyHostKey } from "../../formats/putty-host-key.ts";
import { puttySessionFileName } from "../../formats/putty-names.ts";
import { isOwnSession, OWNER_KEY, puttySettings } from "../../formats/putty-session.ts";
import { decodeEntry, type JournalEntry } from "../../journal.ts";
import type { ClientContext, SshClient, SshHost } from "../client.ts";
import { withClientLock } from "../client-lock.ts";
import { fileStore, findPuttyPlaces } from "./file-store.ts";
import type { PuttyStore } from "./putty-store.ts";
import { registryStore } from "./registry-store.ts";

const SESSION = "putty-session";
const HOST_KEY = "putty-host-key";

/** Absent: the registry. */
const places = v.optional(v.object({ sessions: v.string(), hostKeys: v.string() }));

const sessionEntry = v.object({
  kind: v.literal(SESSION),
  places,
  name: v.string(),
  owner: v.string(),
  address: v.string(),
  port: v.number(),
  user: v.string(),
  keyFile: v.string(),
  /** Where a session of the user's that has the same name waits for the end of ours. */
  backupFile: v.string(),
});

const hostKeyEntry = v.object({
  kind: v.literal(HOST_KEY),
  places,
  name: v.string(),
  value: v.string(),
  /** What stood there before: left by whatever listened on this port earlier. */
  previous: v.optional(v.string()),
});

type SessionEntry = v.InferOutput<typeof sessionEntry>;
type HostKeyEntry = v.InferOutput<typeof hostKeyEntry>;

const PROGRAMS = ["putty", "plink", "pscp", "psftp"];

/** PuTTY and its command line programs. */
export const putty: SshClient = {
  name: "PuTTY",
  isEssential: false,
  kinds: [HOST_KEY, SESSION],

  async isPresent(context) {
    // On Windows PuTTY often is one file in some folder; a session that nobody opens harms nobody.
    if (context.system === "win32") return true;
    const { sessions } = await findPuttyPlaces(context);
    const folders = (context.environment["PATH"] ?? "").split(":").filter((folder) => folder !== "");
    const candidates = [dirname(sessions), ...folders.flatMap((folder) => PROGRAMS.map((name) => join(folder, name)))];
    const found = await Promise.all(candidates.map(exists));
    return found.includes(true);
  },

  async plan(host, context) {
    // Without a key file in its own format PuTTY could only ask for a password.
    if (host.ppkFile === undefined) return [];
    const found = context.system === "win32" ? undefined : await findPuttyPlaces(context);
    const where = found === undefined ? {} : { places: found };
    return [...(await planHostKeys(host, where, context)), planSession(host, host.ppkFile, where, context)];
  },

  async apply(entry, context) {
    if (entry.kind === SESSION) await applySession(decodeEntry(sessionEntry, entry), context);
    else await applyHostKey(decodeEntry(hostKeyEntry, entry), context);
  },

  async undo(entry, context) {
    if (entry.kind === SESSION) await undoSession(decodeEntry(sessionEntry, entry), context);
    else await undoHostKey(decodeEntry(hostKeyEntry, entry), context);
  },
};

type Where = { readonly places?: { readonly sessions: string; readonly hostKeys: string } };

async function planHostKeys(host: SshHost, where: Where, context: ClientContext): Promise<readonly JournalEntry[]> {
  const store = storeOf(where.places, context);
  const entries = host.hostKeys.flatMap((key) => puttyHostKey(key, host.address, host.port) ?? []);
  return await Promise.all(
    entries.map(async ({ name, value }) => {
      const previous = await store.findHostKey(name);
      const kept = previous === undefined || previous === value ? {} : { previous };
      return { kind: HOST_KEY, ...where, name, value, ...kept };
    }),
  );
}

function planSession(host: SshHost, keyFile: string, where: Where, context: ClientContext): JournalEntry {
  const { address, alias, owner, port } = host;
  const [user] = host.users;
  // Named for the session, not for the tunnel: whichever of our tunnels ends last puts it back.
  const backupFile = join(context.keyFolder, `putty-session-${puttySessionFileName(alias)}.backup`);
  return { kind: SESSION, ...where, name: alias, owner, address, port, user, keyFile, backupFile };
}

async function applyHostKey(entry: HostKeyEntry, context: ClientContext): Promise<void> {
  await locked(entry, context, (store) => store.writeHostKey({ name: entry.name, value: entry.value }));
}

async function undoHostKey(entry: HostKeyEntry, context: ClientContext): Promise<void> {
  const { name, previous, value } = entry;
  await locked(entry, context, async (store) => {
    if ((await store.findHostKey(name)) !== value) return;
    if (previous === undefined) await store.removeHostKey(name);
    else await store.writeHostKey({ name, value: previous });
  });
}

async function applySession(entry: SessionEntry, context: ClientContext): Promise<void> {
  await locked(entry, context, async (store) => {
    const found = await store.findSession(entry.name);
    const isUsers = found !== undefined && !found.has(OWNER_KEY) && !isOwnSession(found, entry);
    if (isUsers) {
      await ensurePrivateFolder(dirname(entry.backupFile));
      await store.saveSession(entry.name, entry.backupFile);
      // Settings that we do not say would otherwise stay behind: a proxy, another key.
      await store.removeSession(entry.name);
    }
    await store.writeSession(entry.name, puttySettings(entry));
  });
}

async function undoSession(entry: SessionEntry, context: ClientContext): Promise<void> {
  await locked(entry, context, async (store) => {
    const found = await store.findSession(entry.name);
    if (found !== undefined && !isOwnSession(found, entry)) {
      // Another tunnel of ours took the name over and will put the user's session back; the user's own is back already.
      if (!found.has(OWNER_KEY)) await removeIfExists(entry.backupFile);
      return;
    }
    await store.removeSession(entry.name);
    if ((await readBytesIfExists(entry.backupFile)) === undefined) return;
    await store.restoreSession(entry.name, entry.backupFile);
    await removeIfExists(entry.backupFile);
  });
}

async function locked(
  entry: SessionEntry | HostKeyEntry,
  context: ClientContext,
  work: (store: PuttyStore) => Promise<void>,
): Promise<void> {
  const folder = entry.places === undefined ? context.keyFolder : dirname(entry.places.hostKeys);
  await withClientLock(folder, context, () => work(storeOf(entry.places, context)));
}

function storeOf(found: SessionEntry["places"], context: ClientContext): PuttyStore {
  return found === undefined ? registryStore(context.run) : fileStore(found);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
