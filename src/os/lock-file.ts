// The file behind a lock: what is in it, how it is taken so that NFS cannot grant it twice, when its holder counts as dead.
import { createHash, randomBytes } from "node:crypto";
import { link, open, readFile, stat, unlink } from "node:fs/promises";
import { systemErrorCode } from "../domain/errors.ts";
import { isProcessIdentity, type ProcessIdentity } from "../domain/process-identity.ts";
import { removeIfExists } from "./atomic-file.ts";
import { retryWhileBusy, retryWhileStale } from "./busy-retry.ts";
import { isAbsent } from "./file-errors.ts";

/** Who takes locks and how it judges others. */
export type LockParty = {
  readonly self: ProcessIdentity;
  /** Name of this machine; holders on other machines cannot be looked up. */
  readonly machine: string;
  readonly isAlive: (identity: ProcessIdentity) => boolean;
};

/** A lock file as found on disk. */
export type FoundLock = {
  /** Unique to one taking of the lock. Made from the file itself where its content says nothing. */
  readonly nonce: string;
  /** Absent where the content is not ours or not complete. */
  readonly holder?: LockHolder;
  readonly modifiedMs: number;
};

/** The process that holds a lock. */
export type LockHolder = ProcessIdentity & { readonly machine: string };

/** Outcome of one attempt: taken, held by somebody, or neither just now (the file vanished, Windows called it busy).
 * `clockMs` is the file system's own time: clocks of machines that share a folder differ. */
export type Attempt =
  | { readonly kind: "taken"; readonly nonce: string }
  | { readonly kind: "held"; readonly lock: FoundLock; readonly clockMs: number }
  | { readonly kind: "unclear" };

/** How the system makes a hard link; replaced in tests to play a file system that has none. */
export type MakeLink = (existing: string, created: string) => Promise<void>;

/** Sections under the lock take milliseconds; a minute without an end means that the other machine lost its process. */
const FOREIGN_STALE_MS = 60_000;

/** Longer than the moment between creating a file and writing it where hard links are missing. */
const GARBAGE_STALE_MS = 2000;

/** What Windows answers while somebody has the file open that was just removed. */
const WINDOWS_BUSY: readonly (string | undefined)[] = ["EPERM", "EACCES", "EBUSY"];

/** Tries once to take the lock. The file appears with its content complete, by a hard link: O_EXCL alone is not exclusive
 * on old NFS, and an answer lost on the way there makes a link fail that was made. */
export async function tryTake(path: string, party: LockParty, makeLink: MakeLink = link): Promise<Attempt> {
  const nonce = randomBytes(6).toString("hex");
  const content = JSON.stringify({ ...party.self, machine: party.machine, nonce });
  const temporary = `${path}.${nonce}.tmp`;
  try {
    const clockMs = await writeNew(temporary, content);
    const failure = await failureOf(makeLink(temporary, path));
    if (failure === undefined) return { kind: "taken", nonce };
    // ENOENT: somebody swept our temporary file away. Anything but EEXIST: no hard links here.
    if (failure === "ENOENT") return { kind: "unclear" };
    if (failure !== "EEXIST") await createExclusive(path, content);
    const lock = await readLock(path);
    if (lock === undefined) return { kind: "unclear" };
    return lock.nonce === nonce ? { kind: "taken", nonce } : { kind: "held", lock, clockMs };
  } catch (error) {
    if (process.platform === "win32" && WINDOWS_BUSY.includes(systemErrorCode(error))) return { kind: "unclear" };
    throw error;
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** Reads a lock file; undefined when there is none. */
export async function readLock(path: string): Promise<FoundLock | undefined> {
  try {
    const [content, status] = await retryWhileStale(
      async () => [await readFile(path, "utf8"), await stat(path)] as const,
    );
    return { ...decodeLock(content, `${status.ino} ${status.mtimeMs}`), modifiedMs: status.mtimeMs };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Gives a lock back, unless somebody else has taken it meanwhile. */
export async function release(path: string, nonce: string): Promise<void> {
  const found = await retryWhileBusy(() => readLock(path));
  if (found?.nonce === nonce) await removeIfExists(path);
}

/** Whether the lock's holder will never give it back. */
export function isStale(lock: FoundLock, clockMs: number, party: LockParty): boolean {
  const ageMs = clockMs - lock.modifiedMs;
  if (lock.holder === undefined) return ageMs > GARBAGE_STALE_MS;
  return lock.holder.machine === party.machine ? !party.isAlive(lock.holder) : ageMs > FOREIGN_STALE_MS;
}

/** Whether a living process of this machine holds the lock; needs no clock of the file system. */
export function isHeldHere(lock: FoundLock, party: LockParty): boolean {
  return lock.holder !== undefined && lock.holder.machine === party.machine && party.isAlive(lock.holder);
}

function decodeLock(content: string, fallback: string): { readonly nonce: string; readonly holder?: LockHolder } {
  const value = parseJson(content);
  if (isLockContent(value)) return { nonce: value.nonce, holder: value };
  const digest = createHash("sha256").update(`${fallback}\n${content}`).digest("hex");
  return { nonce: `unread-${digest.slice(0, 12)}` };
}

function isLockContent(value: unknown): value is LockHolder & { readonly nonce: string } {
  if (!isProcessIdentity(value)) return false;
  const { machine, nonce } = value as { readonly machine?: unknown; readonly nonce?: unknown };
  // The nonce becomes part of a file name.
  return typeof machine === "string" && typeof nonce === "string" && /^[0-9a-f]{12}$/.test(nonce);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the file system's time. Asked through the open file: whoever sweeps may have removed its name already. */
async function writeNew(path: string, content: string): Promise<number> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    return (await file.stat()).mtimeMs;
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

async function failureOf(made: Promise<void>): Promise<string | undefined> {
  try {
    await made;
    return undefined;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

/** Second best, where the file system has no hard links (FAT, some FUSE and SMB mounts): exclusive creation. The file is
 * empty for a moment, hence the age that garbage must reach. The
 * caller finds out by reading who was first. */
async function createExclusive(path: string, content: string): Promise<void> {
  try {
    await writeNew(path, content);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}
