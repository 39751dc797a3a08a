// The journal entry of a key on the run.
import * as v from "valibot";
import { decodeEntry, type JournalEntry } from "../journal.ts";

/** Kind of the entries. */
export const REMOTE_KEY_KIND = "remote-authorized-key";

const remoteKey = v.object({
  kind: v.literal(REMOTE_KEY_KIND),
  accounts: v.array(v.string()),
  line: v.string(),
  system: v.picklist(["linux", "windows"]),
});

/** What must be known to take the key out again; the line holds the public half only. */
export type RemoteKey = {
  readonly accounts: readonly string[];
  readonly line: string;
  readonly system: "linux" | "windows";
};

/** The entry. */
export function remoteKeyEntry(key: RemoteKey): JournalEntry {
  return { kind: REMOTE_KEY_KIND, accounts: [...key.accounts], line: key.line, system: key.system };
}

/** Reads the entry. */
export function decodeRemoteKey(entry: JournalEntry): RemoteKey {
  return decodeEntry(remoteKey, entry);
}
