// Who may log in to a run and with which password: the four SSH modes of the platform. Pure.

import type { Secret } from "../../domain/secret.ts";
import type { SshAccess } from "../platform.ts";
import { findParameter, type Run } from "./run-model.ts";
import { accountName } from "./token.ts";

/** How accounts of a run are chosen. */
export type SshMode = "root" | "owner" | "owner-sshpass" | "user";

/** The mode that the run itself fixes; undefined leaves it to the platform's preference. */
export function findSshMode(run: Run): SshMode | undefined {
  const word = findParameter(run, "CP_CAP_SSH_MODE");
  if (word === "owner" || word === "owner-sshpass" || word === "user") return word;
  // Any other word acts as root, as it does for the platform's own client.
  if (word !== undefined) return "root";
  return isWindows(run) ? "owner-sshpass" : undefined;
}

/** The mode by the preference `system.ssh.default.root.user.enabled`; one that cannot be read counts as true. */
export function modeByPreference(value: string | undefined): SshMode {
  return value?.trim().toLowerCase() === "false" ? "owner" : "root";
}

/** The run whose password a worker uses: set where the users of the parent are shared. */
export function findPasswordRun(run: Run): string | undefined {
  if (findParameter(run, "CP_CAP_SHARE_USERS")?.toLowerCase() !== "true") return undefined;
  const parent = findParameter(run, "parent-id");
  return parent !== undefined && /^[1-9]\d*$/.test(parent) ? parent : undefined;
}

/** The login that may install keys, and the accounts to install them for. `caller` is our own user name (mode `user`). */
export function decideSshAccess(options: {
  readonly run: Run;
  readonly mode: SshMode;
  readonly password: Secret;
  readonly caller: string | undefined;
}): SshAccess {
  const { run, mode, password, caller } = options;
  return {
    // Keys are always installed by root, whatever account they are for: owners need not be able to.
    administrator: { user: "root", password },
    accounts: [accountOf(run, mode, caller)],
    system: isWindows(run) ? "windows" : "linux",
  };
}

function accountOf(run: Run, mode: SshMode, caller: string | undefined): string {
  switch (mode) {
    case "root":
      return "root";
    case "owner":
    case "owner-sshpass":
      return run.owner === undefined ? "root" : accountName(run.owner);
    case "user":
      return caller === undefined ? "root" : accountName(caller);
  }
}

function isWindows(run: Run): boolean {
  return run.platform?.toLowerCase() === "windows";
}
