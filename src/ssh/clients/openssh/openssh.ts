// OpenSSH: an own folder beside the user's files, and one Include at the top of the user's configuration.
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { ensurePrivateFolder } from "../../../os/atomic-file.ts";
import { knownHostName, putKnownHost, removeKnownHost } from "../../formats/known-hosts.ts";
import { findBlocks, putBlockFirst, removeBlock } from "../../formats/marked-block.ts";
import { checkAlias, hostBlock, hostBlockId, OWN_FILE_HEAD, ownerOf } from "../../formats/ssh-config.ts";
import { decodeEntry, type JournalEntry } from "../../journal.ts";
import type { ClientContext, SshClient, SshHost } from "../client.ts";
import { withClientLock } from "../client-lock.ts";
import { editUserFile } from "../user-file.ts";
import { addInclude, removeInclude } from "./include.ts";

const CONFIG = "openssh-config";
const KNOWN_HOSTS = "openssh-known-hosts";

const configEntry = v.object({
  kind: v.literal(CONFIG),
  sshFolder: v.string(),
  owner: v.string(),
  alias: v.string(),
  address: v.string(),
  port: v.number(),
  user: v.string(),
  identityFile: v.string(),
  hostKeyAlias: v.string(),
});

const knownHostsEntry = v.object({
  kind: v.literal(KNOWN_HOSTS),
  sshFolder: v.string(),
  owner: v.string(),
  names: v.array(v.string()),
  keys: v.array(v.object({ type: v.string(), base64: v.string() })),
});

type ConfigEntry = v.InferOutput<typeof configEntry>;
type KnownHostsEntry = v.InferOutput<typeof knownHostsEntry>;

/** The `ssh`, `scp`, `sftp` of OpenSSH, and every program that reads its configuration. */
export const openssh: SshClient = {
  name: "OpenSSH",
  isEssential: true,
  kinds: [KNOWN_HOSTS, CONFIG],

  // Editors and file managers read the same configuration without the `ssh` program being there.
  isPresent: () => Promise.resolve(true),

  plan: (host) => Promise.resolve(planHost(host)),

  async apply(entry, context) {
    if (entry.kind === CONFIG) await applyConfig(decodeEntry(configEntry, entry), context);
    else await applyKnownHosts(decodeEntry(knownHostsEntry, entry), context);
  },

  async undo(entry, context) {
    if (entry.kind === CONFIG) await undoConfig(decodeEntry(configEntry, entry), context);
    else await undoKnownHosts(decodeEntry(knownHostsEntry, entry), context);
  },
};

/** The known host first: from the moment the alias exists it must be checked. */
function planHost(host: SshHost): readonly JournalEntry[] {
  const { address, hostKeyAlias, hostKeys, identityFile, owner, port, sshFolder } = host;
  const alias = checkAlias(host.alias);
  const names = [...new Set([hostKeyAlias, knownHostName(address, port)])];
  const keys = hostKeys.map(({ type, base64 }) => ({ type, base64 }));
  const [user] = host.users;
  return [
    { kind: KNOWN_HOSTS, sshFolder, owner, names, keys },
    { kind: CONFIG, sshFolder, owner, alias, address, port, user, identityFile, hostKeyAlias },
  ];
}

async function applyKnownHosts(entry: KnownHostsEntry, context: ClientContext): Promise<void> {
  const { keys, names, sshFolder } = entry;
  await withClientLock(sshFolder, context, async () => {
    await ensurePrivateFolder(ownFolder(sshFolder));
    const tag = tagOf(entry.owner);
    await editUserFile(knownHostsFile(sshFolder), (text) =>
      putKnownHost(removeKnownHost(text ?? "", tag), { names, keys, tag }),
    );
  });
}

async function undoKnownHosts(entry: KnownHostsEntry, context: ClientContext): Promise<void> {
  const file = knownHostsFile(entry.sshFolder);
  await withClientLock(entry.sshFolder, context, async () => {
    await editUserFile(file, (text) => {
      const rest = text === undefined ? "" : removeKnownHost(text, tagOf(entry.owner));
      return rest === "" ? undefined : rest;
    });
    await removeEmptyFolder(ownFolder(entry.sshFolder));
  });
}

async function applyConfig(entry: ConfigEntry, context: ClientContext): Promise<void> {
  const { sshFolder } = entry;
  await withClientLock(sshFolder, context, async () => {
    await ensurePrivateFolder(ownFolder(sshFolder));
    const file = ownConfig(sshFolder);
    const block = hostBlock({ ...entry, knownHostsFile: knownHostsFile(sshFolder) });
    await editUserFile(file, (text) => {
      const rest = (text ?? "").replace(`${OWN_FILE_HEAD}\n`, "");
      return `${OWN_FILE_HEAD}\n${putBlockFirst(rest, block, file)}`;
    });
    await addInclude(join(sshFolder, "config"), file);
  });
}

/** The last host takes our files and the Include with it. */
async function undoConfig(entry: ConfigEntry, context: ClientContext): Promise<void> {
  const { sshFolder } = entry;
  const file = ownConfig(sshFolder);
  await withClientLock(sshFolder, context, async () => {
    let hostsLeft = 0;
    await editUserFile(file, (text) => {
      if (text === undefined) return undefined;
      const id = hostBlockId(entry.alias);
      const isOurs = findBlocks(text, file).some((block) => block.id === id && ownerOf(block) === entry.owner);
      const rest = isOurs ? removeBlock(text, id, file) : text;
      hostsLeft = findBlocks(rest, file).length;
      return hostsLeft === 0 ? undefined : rest;
    });
    if (hostsLeft > 0) return;
    await removeInclude(join(sshFolder, "config"), file);
    await removeEmptyFolder(ownFolder(sshFolder));
  });
}

function ownFolder(sshFolder: string): string {
  return join(sshFolder, "runtunnel");
}

function ownConfig(sshFolder: string): string {
  return join(ownFolder(sshFolder), "config");
}

function knownHostsFile(sshFolder: string): string {
  return join(ownFolder(sshFolder), "known_hosts");
}

function tagOf(owner: string): string {
  return `runtunnel:${owner}`;
}

/** A folder that somebody put something into is theirs too. */
async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}
