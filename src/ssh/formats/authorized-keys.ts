// The line that lets our key into an account, with a tag by which it is found again.
import { UsageError } from "../../domain/errors.ts";

/** What the key may do: everything a person needs, nothing that a later OpenSSH may add. */
const OPENSSH_OPTIONS = "restrict,pty,port-forwarding,agent-forwarding,X11-forwarding,user-rc";

/** Whose key it is. */
export type KeyTag = {
  readonly run: string;
  readonly workstation: string;
  /** Tells tunnels of one workstation to one run apart. */
  readonly id: string;
};

/** `runtunnel:RUN:WORKSTATION:ID`; characters that could end the line or a field become dashes. */
export function formatKeyTag(tag: KeyTag): string {
  const fields = [tag.run, tag.workstation, tag.id].map((field) => field.replaceAll(/[^A-Za-z0-9._@-]+/g, "-"));
  return ["runtunnel", ...fields].join(":");
}

/** The whole line, without a line end. `publicKey` is `TYPE BASE64`, `banner` the server's identification. */
export function formatAuthorizedKey(publicKey: string, tag: KeyTag, banner: string): string {
  if (!/^[a-z0-9-]+ [A-Za-z0-9+/]+={0,2}$/.test(publicKey)) {
    throw new UsageError("Cannot authorise a key: it is no public key", { hop: "ssh-key" });
  }
  const options = knowsOptions(banner) ? `${OPENSSH_OPTIONS} ` : "";
  return `${options}${publicKey} ${formatKeyTag(tag)}`;
}

/** `restrict` came with OpenSSH 7.2. Older ones, and dropbear to this day, refuse a key whose options they do not know. */
function knowsOptions(banner: string): boolean {
  const [, major = "0", minor = "0"] = /^SSH-2\.0-OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)/.exec(banner) ?? [];
  return Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2);
}

/** Checks an account name before it goes into a command on the run: as `useradd` and Active Directory joins make them.
 * Throws UsageError. */
export function checkAccount(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@+\\-]{0,127}\$?$/.test(name)) {
    throw new UsageError(`Account name "${name}" cannot be used`, {
      hint: "Give the name of an account on the run, for example --ssh-user root",
    });
  }
  return name;
}
