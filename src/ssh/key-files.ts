// Private key files that OpenSSH and PuTTY are pointed at: written so that nobody else can read them, and journaled
// before they exist.
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { LocalError } from "../domain/errors.ts";
import { ensurePrivateFolder, removeIfExists, replaceFile } from "../os/atomic-file.ts";
import { removeLeftovers } from "../os/leftovers.ts";
import type { System } from "../os/paths.ts";
import type { PrivateKey } from "./formats/key-material.ts";
import { formatPrivateKey, publicKeyLine } from "./formats/private-key.ts";
import { decodeEntry, type JournalEntry } from "./journal.ts";
import type { RunProgram } from "./run-program.ts";

/** Kind of the entries. */
export const FILE_KIND = "file";

const fileEntry = v.object({ kind: v.literal(FILE_KIND), path: v.string() });

/** What writing key files needs. */
export type KeyFileContext = {
  readonly system: System;
  /** Name of the user we run as, for the rights on Windows. */
  readonly userName: string;
  readonly run: RunProgram;
  readonly journal: (entry: JournalEntry) => Promise<void>;
};

/** Where a key's files lie. */
export type KeyFiles = { readonly identityFile: string; readonly ppkFile: string };

/** Names for a new key's files; random, so that no two tunnels and no two tries share one. */
export function newKeyFiles(folder: string, alias: string): KeyFiles {
  const name = alias.replaceAll(/[^A-Za-z0-9._-]+/g, "_").slice(0, 80);
  const identityFile = join(folder, `${name}-${randomBytes(6).toString("hex")}`);
  return { identityFile, ppkFile: `${identityFile}.ppk` };
}

/** Writes the key for OpenSSH, with its `.pub`, and for PuTTY. */
export async function writeKeyFiles(
  folder: string,
  files: KeyFiles,
  key: PrivateKey,
  context: KeyFileContext,
): Promise<void> {
  await ensureKeyFolder(folder, context);
  await writePrivate(files.identityFile, formatPrivateKey(key, "openssh"), context);
  await writePrivate(`${files.identityFile}.pub`, `${publicKeyLine(key)}\n`, context);
  await writePrivate(files.ppkFile, ppkText(key), context);
}

/** Writes the key for PuTTY alone. */
export async function writePpkFile(
  folder: string,
  path: string,
  key: PrivateKey,
  context: KeyFileContext,
): Promise<void> {
  await ensureKeyFolder(folder, context);
  await writePrivate(path, ppkText(key), context);
}

/** Removes a file that a journal entry names, also where it was only being written. */
export async function undoKeyFile(entry: JournalEntry): Promise<void> {
  const { path } = decodeEntry(fileEntry, entry);
  await removeIfExists(path);
  await removeLeftovers(dirname(path), `.${basename(path)}.`, Number.NEGATIVE_INFINITY);
}

/** The command that takes everybody's rights to a folder away but the account's, now and for what will lie in it. */
function restrictCommand(folder: string, account: string): readonly string[] {
  return ["icacls", folder, "/inheritance:r", "/grant:r", `${account}:(OI)(CI)F`];
}

/** The account as icacls knows it beyond doubt: its security identifier, from what `whoami /user /fo csv /nh` printed. */
function parseAccount(output: string): string | undefined {
  const sid = /"(S-1-[0-9-]+)"\s*$/.exec(output)?.[1];
  return sid === undefined ? undefined : `*${sid}`;
}

/** OpenSSH for Windows refuses keys that others can read, and inherited rights often let them. The folder comes first, so
 * that no key is open to others even for a moment. */
async function ensureKeyFolder(folder: string, context: KeyFileContext): Promise<void> {
  await ensurePrivateFolder(folder);
  if (context.system !== "win32") return;
  const { stdout } = await context.run(["whoami", "/user", "/fo", "csv", "/nh"]);
  const result = await context.run(restrictCommand(folder, parseAccount(stdout) ?? context.userName));
  if (result.code === 0) return;
  throw new LocalError(`Cannot keep others from reading "${folder}": icacls ended with code ${result.code}`, {
    code: "not-private",
    hint: "Check that the file system knows rights (NTFS does, FAT does not)",
  });
}

/** Version 2, which every PuTTY, WinSCP and FileZilla reads: without a passphrase the newer one protects nothing more. */
function ppkText(key: PrivateKey): string {
  return formatPrivateKey(key, "ppk", { ppkVersion: 2 });
}

async function writePrivate(path: string, text: string, context: KeyFileContext): Promise<void> {
  await context.journal({ kind: FILE_KIND, path });
  await replaceFile(path, text, { mode: 0o600 });
}
