// What SFTP requests do to the files of a run.
import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { isAbsolute, join, posix } from "node:path";
import type { RunFolder } from "./run-folder.ts";
import { type AttributeChanges, STATUS } from "./sftp-codec.ts";

/** A failure with the status it is answered with. */
export class SftpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One entry of a folder. */
export type FolderEntry = { readonly name: string; readonly stats: Stats };

type Handle =
  | { readonly kind: "file"; readonly file: fs.FileHandle }
  | { readonly kind: "folder"; readonly path: string; readonly names: string[] };

const OPEN = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** Entries in one answer, as OpenSSH. */
const ENTRIES_PER_ANSWER = 100;

/** The open files of one SFTP session and everything it may do. Paths are the run's own. */
export class SftpFiles {
  readonly #folder: RunFolder;
  readonly #home: string;
  readonly #handles = new Map<string, Handle>();
  #handleCount = 0;

  constructor(folder: RunFolder, home: string) {
    this.#folder = folder;
    this.#home = home;
  }

  async open(path: string, flags: number, mode: number | undefined): Promise<string> {
    const access =
      flags & OPEN.write ? (flags & OPEN.read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
    const how =
      access |
      (flags & OPEN.append ? constants.O_APPEND : 0) |
      (flags & OPEN.create ? constants.O_CREAT : 0) |
      (flags & OPEN.truncate ? constants.O_TRUNC : 0) |
      (flags & OPEN.exclusive ? constants.O_EXCL : 0);
    return this.#keep({ kind: "file", file: await fs.open(this.#real(path), how, mode ?? 0o666) });
  }

  async close(handle: string): Promise<void> {
    const found = this.#get(handle);
    this.#handles.delete(handle);
    if (found.kind === "file") await found.file.close();
  }

  /** Up to `length` bytes; none at the end of the file. */
  async read(handle: string, offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file(handle).read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  }

  async write(handle: string, offset: number, bytes: Buffer): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const rest = bytes.subarray(written);
      written += (await this.#file(handle).write(rest, 0, rest.length, offset + written)).bytesWritten;
    }
  }

  sync(handle: string): Promise<void> {
    return this.#file(handle).sync();
  }

  stat(path: string): Promise<Stats> {
    return fs.stat(this.#real(path));
  }

  lstat(path: string): Promise<Stats> {
    return fs.lstat(this.#real(path));
  }

  fstat(handle: string): Promise<Stats> {
    return this.#file(handle).stat();
  }

  async change(path: string, changes: AttributeChanges): Promise<void> {
    const real = this.#real(path);
    if (changes.size !== undefined) await fs.truncate(real, changes.size);
    if (changes.mode !== undefined) await fs.chmod(real, changes.mode);
    if (changes.times !== undefined) await fs.utimes(real, changes.times.accessed, changes.times.modified);
  }

  async changeOpen(handle: string, changes: AttributeChanges): Promise<void> {
    const file = this.#file(handle);
    if (changes.size !== undefined) await file.truncate(changes.size);
    if (changes.mode !== undefined) await file.chmod(changes.mode);
    if (changes.times !== undefined) await file.utimes(changes.times.accessed, changes.times.modified);
  }

  async openFolder(path: string): Promise<string> {
    const real = this.#real(path);
    return this.#keep({ kind: "folder", path: real, names: [".", "..", ...(await fs.readdir(real))] });
  }

  /** The next entries; none at the end. Entries that vanished meanwhile are left out. */
  async readFolder(handle: string): Promise<readonly FolderEntry[]> {
    const found = this.#get(handle);
    if (found.kind !== "folder") throw new SftpError(STATUS.failure, "Not a folder");
    const entries: FolderEntry[] = [];
    while (found.names.length > 0 && entries.length === 0) {
      for (const name of found.names.splice(0, ENTRIES_PER_ANSWER)) {
        const stats = await fs.lstat(join(found.path, name)).catch(() => undefined);
        if (stats !== undefined) entries.push({ name, stats });
      }
    }
    return entries;
  }

  remove(path: string): Promise<void> {
    return fs.unlink(this.#real(path));
  }

  async makeFolder(path: string, mode: number | undefined): Promise<void> {
    await fs.mkdir(this.#real(path), mode === undefined ? {} : { mode });
  }

  removeFolder(path: string): Promise<void> {
    return fs.rmdir(this.#real(path));
  }

  /** The version 3 rename refuses a target that exists; the POSIX one replaces it. */
  async rename(from: string, to: string, replace: boolean): Promise<void> {
    const target = this.#real(to);
    const taken = replace ? undefined : await fs.lstat(target).catch(() => undefined);
    if (taken !== undefined) throw new SftpError(STATUS.failure, "File exists");
    await fs.rename(this.#real(from), target);
  }

  /** The path as the run calls it, links resolved as far as it exists. */
  async resolve(path: string): Promise<string> {
    const real = this.#real(path);
    return this.#folder.toRun(await fs.realpath(real).catch(() => real));
  }

  /** As `resolve`, with `~` and `~/` meaning the home. */
  expand(path: string): Promise<string> {
    const rest = /^~(?:\/(.*))?$/s.exec(path);
    return this.resolve(rest === null ? path : posix.join(this.#folder.toRun(this.#home), rest[1] ?? ""));
  }

  async readLink(path: string): Promise<string> {
    const target = await fs.readlink(this.#real(path));
    return isAbsolute(target) ? this.#folder.toRun(target) : target;
  }

  async link(target: string, path: string): Promise<void> {
    await fs.symlink(isAbsolute(target) ? this.#real(target) : target, this.#real(path));
  }

  async hardLink(from: string, to: string): Promise<void> {
    await fs.link(this.#real(from), this.#real(to));
  }

  /** Size, use and limits of the file system a path is on. */
  space(path: string): ReturnType<typeof fs.statfs> {
    return fs.statfs(this.#real(path));
  }

  /** Closes what the client left open. */
  async closeAll(): Promise<void> {
    for (const handle of [...this.#handles.keys()]) await this.close(handle).catch(() => {});
  }

  #real(path: string): string {
    return this.#folder.toReal(path, this.#home);
  }

  #keep(handle: Handle): string {
    this.#handleCount += 1;
    const name = String(this.#handleCount);
    this.#handles.set(name, handle);
    return name;
  }

  #get(name: string): Handle {
    const handle = this.#handles.get(name);
    if (handle === undefined) throw new SftpError(STATUS.failure, "Invalid handle");
    return handle;
  }

  #file(name: string): fs.FileHandle {
    const handle = this.#get(name);
    if (handle.kind !== "file") throw new SftpError(STATUS.failure, "Not a file");
    return handle.file;
  }
}
