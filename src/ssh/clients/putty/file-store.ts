// PuTTY for Unix: `sessions/NAME` and `sshhostkeys` in its folder.
import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readBytesIfExists, readTextIfExists, removeIfExists, replaceFile } from "../../../os/atomic-file.ts";
import { removeLeftovers } from "../../../os/leftovers.ts";
import { findPuttyHostKey, putPuttyHostKey, removePuttyHostKey } from "../../formats/putty-host-key.ts";
import { puttySessionFileName } from "../../formats/putty-names.ts";
import { parsePuttySession, renderPuttySession } from "../../formats/putty-session.ts";
import type { ClientContext } from "../client.ts";
import { editUserFile } from "../user-file.ts";
import type { PuttyStore } from "./putty-store.ts";

/** Places of PuTTY's files. */
export type PuttyPlaces = { readonly sessions: string; readonly hostKeys: string };

/** Finds the places as PuTTY does: its own variables, then an existing folder of the XDG kind, then `~/.putty`. */
export async function findPuttyPlaces(
  context: Pick<ClientContext, "environment" | "homeFolder">,
): Promise<PuttyPlaces> {
  const { environment, homeFolder } = context;
  const xdg = join(environment["XDG_CONFIG_HOME"] || join(homeFolder, ".config"), "putty");
  const folder = environment["PUTTYDIR"] || ((await isFolder(xdg)) ? xdg : join(homeFolder, ".putty"));
  return {
    sessions: environment["PUTTYSESSIONS"] || join(folder, "sessions"),
    hostKeys: environment["PUTTYSSHHOSTKEYS"] || join(folder, "sshhostkeys"),
  };
}

/** A store over files. */
export function fileStore(places: PuttyPlaces): PuttyStore {
  const sessionFile = (name: string) => join(places.sessions, puttySessionFileName(name));
  return {
    async findSession(name) {
      const text = await readTextIfExists(sessionFile(name));
      return text === undefined ? undefined : parsePuttySession(text);
    },
    async writeSession(name, settings) {
      await makeFolder(places.sessions);
      await replaceFile(sessionFile(name), renderPuttySession(settings), { mode: 0o600 });
    },
    async removeSession(name) {
      await removeIfExists(sessionFile(name));
      // Whoever holds the lock is the only writer: what lies half written was left by one that was killed.
      await removeLeftovers(places.sessions, `.${puttySessionFileName(name)}.`, Number.NEGATIVE_INFINITY);
      await removeEmptyFolder(places.sessions);
    },
    async saveSession(name, file) {
      const bytes = await readBytesIfExists(sessionFile(name));
      if (bytes !== undefined) await replaceFile(file, bytes, { mode: 0o600 });
    },
    async restoreSession(name, file) {
      const bytes = await readBytesIfExists(file);
      if (bytes === undefined) return;
      await makeFolder(places.sessions);
      await replaceFile(sessionFile(name), bytes, { mode: 0o600 });
    },
    async findHostKey(name) {
      const text = await readTextIfExists(places.hostKeys);
      return text === undefined ? undefined : findPuttyHostKey(text, name);
    },
    async writeHostKey(entry) {
      await makeFolder(dirname(places.hostKeys));
      await editUserFile(places.hostKeys, (text) => putPuttyHostKey(text ?? "", entry));
    },
    async removeHostKey(name) {
      await editUserFile(places.hostKeys, (text) => removePuttyHostKey(text ?? "", name) || undefined);
    },
  };
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
