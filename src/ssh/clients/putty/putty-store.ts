// Where PuTTY keeps its sessions and host keys: files on Unix, the registry on Windows.
import type { PuttyHostKey } from "../../formats/putty-host-key.ts";
import type { PuttySetting } from "../../formats/putty-session.ts";

/** Reads and writes single sessions and host keys; what is not named is not touched. Locking is the caller's part. */
export interface PuttyStore {
  findSession(name: string): Promise<ReadonlyMap<string, string> | undefined>;
  writeSession(name: string, settings: readonly PuttySetting[]): Promise<void>;
  /** Nothing to remove is success, here and below. */
  removeSession(name: string): Promise<void>;
  /** Copies a session whole into a private file. */
  saveSession(name: string, file: string): Promise<void>;
  /** Puts back what `saveSession` copied. */
  restoreSession(name: string, file: string): Promise<void>;
  findHostKey(name: string): Promise<string | undefined>;
  writeHostKey(entry: PuttyHostKey): Promise<void>;
  removeHostKey(name: string): Promise<void>;
}
