// Plain `ssh`, as the manuals type it: OpenSSH takes the home folder from the password database, so a scratch folder is
// mounted over it, in a mount namespace that only this command sees.
import { userInfo } from "node:os";
import { requirePeer } from "../../support/peers.ts";
import { type ClientResult, runClient } from "./ssh-clients.ts";

/** Whether plain clients can be run: it takes root for the mount. */
export function canRunPlainSsh(): boolean {
  return process.getuid?.() === 0 && requirePeer("ssh", "scp", "sftp", "unshare", "mount");
}

/** Runs a shell line in which `~` is the scratch home for every program. */
export function runPlain(line: string, home: string, folder: string = home): Promise<ClientResult> {
  const script = `mount --bind "$1" "$2" && cd "$4" && eval "$3"`;
  const words = ["unshare", "-m", "sh", "-c", script, "sh", home, userInfo().homedir, line, folder];
  return runClient(words, { env: { HOME: home } });
}
