// Files that readers see either old or new, never half: written aside, forced to disk, renamed into place.
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { LocalError, systemErrorCode } from "../domain/errors.ts";
import { retryWhileBusy, retryWhileStale } from "./busy-retry.ts";
import { isAbsent, localFileError } from "./file-errors.ts";
import { followLinks } from "./follow-links.ts";
import { removeLeftovers } from "./leftovers.ts";

/** How to replace a file. */
export type ReplaceFileOptions = {
  /** Mode of a file that does not exist yet, default 0600. The umask does not apply. */
  readonly mode?: number;
  /** Gives `mode` to an existing file too, for private keys. Otherwise an existing file keeps its mode. */
  readonly enforceMode?: boolean;
};

/** Bytes after which a file is not one of ours: the largest we read are known_hosts and logs of a few megabytes. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** Replaces the content of a file at once, or creates it. Follows symbolic links, dangling ones too; keeps owner and
 * mode of an existing file. On any failure the old content stays and nothing is left beside it. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceFileOptions = {},
): Promise<void> {
  try {
    const target = await followLinks(path);
    const old = await statIfExists(target);
    if (old !== undefined && !old.isFile()) {
      throw new LocalError(`Cannot write "${path}": it is not a regular file`, { code: "not-a-file" });
    }
    const temporary = await temporaryPath(target);
    try {
      await writeAside(temporary, content, old, options);
      await retryWhileBusy(() => rename(temporary, target));
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    await syncFolder(dirname(target));
  } catch (error) {
    throw localFileError("write", path, error);
  }
}

/** The file's text, or undefined when it does not exist. Bytes that are not UTF-8 become U+FFFD: whoever writes back what
 * was read must use readBytesIfExists. Throws LocalError for more than `maxBytes`. */
export async function readTextIfExists(path: string, maxBytes = DEFAULT_MAX_BYTES): Promise<string | undefined> {
  const bytes = await readBytesIfExists(path, maxBytes);
  return bytes === undefined ? undefined : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The file's bytes, or undefined when it does not exist; any other failure throws. */
export async function readBytesIfExists(path: string, maxBytes = DEFAULT_MAX_BYTES): Promise<Uint8Array | undefined> {
  try {
    return await retryWhileStale(() => readOnce(path, maxBytes));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw localFileError("read", path, error);
  }
}

/** Removes a file; false when there was none. */
export async function removeIfExists(path: string): Promise<boolean> {
  try {
    await retryWhileBusy(() => unlink(path));
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw localFileError("remove", path, error);
  }
}

/** Makes the folder and its parents where they are missing (0700), and checks that nobody else can write in it or owns
 * it. Throws LocalError with code `unsafe-folder`. Windows keeps others out of the profile by its ACL; not checked. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    if (process.platform === "win32") return;
    const user = process.getuid?.() ?? 0;
    requirePrivate(path, await stat(path), await lstat(path), user);
  } catch (error) {
    throw localFileError("use the folder", path, error);
  }
}

async function statIfExists(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Targets beside which this process has already looked for what killed processes left. */
const cleared = new Set<string>();

async function temporaryPath(target: string): Promise<string> {
  // 200: the name, our suffix and two dots stay within the 255 bytes that file systems allow.
  const name = Buffer.from(basename(target)).subarray(0, 200).toString("latin1");
  const prefix = `.${name.replace(/[^\x20-\x7e]/g, "_")}.`;
  if (!cleared.has(target)) await removeLeftovers(dirname(target), prefix);
  cleared.add(target);
  return `${dirname(target)}/${prefix}${randomBytes(6).toString("hex")}.tmp`;
}

async function writeAside(
  path: string,
  content: string | Uint8Array,
  old: Stats | undefined,
  options: ReplaceFileOptions,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    if (process.platform !== "win32") await adoptOwnerAndMode(file, path, old, options);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function adoptOwnerAndMode(
  file: FileHandle,
  path: string,
  old: Stats | undefined,
  options: ReplaceFileOptions,
): Promise<void> {
  const wanted = options.mode ?? 0o600;
  if (old === undefined) {
    await file.chmod(wanted);
    return;
  }
  const keptMode = options.enforceMode === true ? wanted : old.mode & 0o7777;
  const fresh = await file.stat();
  const sameOwner = fresh.uid === old.uid && fresh.gid === old.gid;
  const sameGroup = sameOwner || (await adoptOwner(file, path, fresh, old));
  // Rights of the old group must not pass to another one.
  await file.chmod(sameGroup ? keptMode : keptMode & ~0o2070);
}

/** Gives the new file the old one's owner; false when only the group could not be kept. */
async function adoptOwner(file: FileHandle, path: string, fresh: Stats, old: Stats): Promise<boolean> {
  try {
    await file.chown(old.uid, old.gid);
    return true;
  } catch (error) {
    if (fresh.uid === old.uid) return false;
    throw new LocalError(`Cannot replace "${path}": the file belongs to another user (uid ${old.uid})`, {
      code: "not-writable",
      hint: "Run the command as that user, or have the file removed",
      cause: error,
    });
  }
}

/** Makes the rename itself durable. Some file systems cannot sync a folder; the file is in place all the same. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const tolerated: readonly (string | undefined)[] = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EACCES", "EPERM", "EBADF"];
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!tolerated.includes(systemErrorCode(error))) throw error;
  }
}

async function readOnce(path: string, maxBytes: number): Promise<Uint8Array> {
  // Without O_NONBLOCK the open of a named pipe waits for a writer, for ever.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    return await readBounded(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

async function readBounded(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const status = await file.stat();
  if (status.isDirectory() || status.isFIFO() || status.isSocket()) {
    throw new LocalError(`Cannot read "${path}": it is not a regular file`, { code: "not-a-file" });
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= maxBytes) {
    // Sized by what the file claims, plus one byte to meet its end; files of /proc claim nothing.
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(status.size - size + 1, 4096), maxBytes - size + 1));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, bytesRead));
    size += bytesRead;
  }
  throw new LocalError(`Cannot read "${path}": it is larger than ${maxBytes} bytes`, { code: "too-large" });
}

async function makeFolder(path: string): Promise<void> {
  if (await makeOneFolder(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  // A folder that was deleted while somebody is in it, or mounted it, is there and takes nothing new.
  if (await makeOneFolder(path)) return;
  throw new LocalError(`Cannot make the folder "${path}": the folder that it should be in was deleted`, {
    code: "folder-gone",
  });
}

/** Whether the folder is there now; false when its parent is missing. */
async function makeOneFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    // The umask may have taken away even the owner's rights.
    if (process.platform !== "win32") await chmod(path, 0o700);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return false;
    if (code !== "EEXIST") throw error;
  }
  return true;
}

function requirePrivate(path: string, folder: Stats, entry: Stats, user: number): void {
  if (!folder.isDirectory()) {
    throw new LocalError(`Cannot use the folder "${path}": it is not a folder`, { code: "not-a-folder" });
  }
  if (folder.uid !== user || entry.uid !== user) {
    const what = folder.uid === user ? "the symbolic link belongs" : "it belongs";
    throw new LocalError(
      `Cannot use the folder "${path}": ${what} to another user (uid ${folder.uid === user ? entry.uid : folder.uid})`,
      { code: "unsafe-folder", hint: `Run the command as that user, or choose another folder` },
    );
  }
  if ((folder.mode & 0o022) !== 0) {
    throw new LocalError(
      `Cannot use the folder "${path}": others can write in it (mode ${(folder.mode & 0o7777).toString(8)})`,
      { code: "unsafe-folder", hint: `Run: chmod go-w ${shellQuote(path)}` },
    );
  }
}

function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
