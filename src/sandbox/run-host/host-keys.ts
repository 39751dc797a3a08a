// Host keys of a run, made when somebody connects for the first time, and their public halves as files of the run.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type * as Ssh2 from "ssh2";

/** Both halves of a key pair in OpenSSH's form. */
type KeyTexts = { readonly private: string; readonly public: string };

/** One host key, both halves in OpenSSH's form. */
export type HostKey = { readonly file: string; readonly privateKey: string; readonly publicKey: string };

/** What a host runs: OpenSSH on a machine of its own, or dropbear in a container. */
export type HostKind = "machine" | "container";

/** Makes an ed25519, an ECDSA and an RSA key, the sizes OpenSSH makes for a new machine of the time; containers have the RSA
 * key alone. */
export async function makeHostKeys(hostName: string, kind: HostKind): Promise<readonly HostKey[]> {
  const { utils } = await import("ssh2");
  const comment = `root@${hostName}`;
  const rsa = promisify((callback: (error: Error | null, keys?: KeyTexts) => void) => {
    utils.generateKeyPair("rsa", { bits: 2048, comment }, callback);
  });
  const made: Record<string, KeyTexts | undefined> = {};
  if (kind === "machine") {
    made["ssh_host_ed25519_key"] = makeEd25519Key(utils, comment);
    made["ssh_host_ecdsa_key"] = utils.generateKeyPairSync("ecdsa", { bits: 256, comment });
  }
  made["ssh_host_rsa_key"] = await rsa();
  return Object.entries(made).flatMap(([file, keys]) =>
    keys === undefined ? [] : [{ file, privateKey: keys.private, publicKey: keys.public }],
  );
}

/** An ed25519 key that can be read again: about one in 300 that the library makes is refused by the library itself. */
export function makeEd25519Key(utils: typeof Ssh2.utils, comment: string): KeyTexts {
  for (;;) {
    const keys = utils.generateKeyPairSync("ed25519", { comment });
    if (!(utils.parseKey(keys.private) instanceof Error)) return keys;
  }
}

/** Writes the public halves where a real server keeps them. */
export async function writeHostKeys(folder: string, keys: readonly HostKey[]): Promise<void> {
  for (const key of keys) await writeFile(join(folder, `${key.file}.pub`), `${key.publicKey}\n`);
}
