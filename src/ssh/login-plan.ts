// Which login leads to passwordless SSH, and for whom: what the platform hands out against what the user asked for. Pure.
import { UsageError } from "../domain/errors.ts";
import type { SshLogin } from "../domain/route.ts";
import { checkAccount } from "./formats/authorized-keys.ts";

/** What a platform tells about logging in at a run. */
export type SshAccessGiven = {
  /** May install keys for every account. */
  readonly administrator?: SshLogin;
  readonly accounts: readonly string[];
  /** Works as it is, key included. */
  readonly ready?: SshLogin;
  readonly system: "linux" | "windows";
};

/** The way: install a key as `administrator`, use the `ready` login, or trust that the user's `own` key is let in. */
export type LoginPlan = {
  readonly kind: "administrator" | "ready" | "own";
  readonly login: SshLogin;
  readonly accounts: readonly [string, ...string[]];
};

/** Decides the way. Throws UsageError where there is none. */
export function planLogin(access: SshAccessGiven, wanted: readonly string[], hasIdentity: boolean): LoginPlan {
  const accounts = [...new Set(wanted.length > 0 ? wanted : access.accounts)].map(checkAccount);
  const administrator = access.administrator ?? passwordLogin(access.ready);
  if (administrator !== undefined) {
    return { kind: "administrator", login: administrator, accounts: atLeastOne(accounts, administrator.user) };
  }
  if (hasIdentity) {
    const chosen = atLeastOne(accounts, access.ready?.user);
    return { kind: "own", login: { ...access.ready, user: chosen[0] }, accounts: chosen };
  }
  if (access.ready === undefined) {
    throw new UsageError("Nobody hands out a login for passwordless SSH here", {
      code: "no-ssh-login",
      hop: "ssh-login",
      hint: "Add --identity with a key that the host lets in, and --ssh-user with the account",
    });
  }
  const { ready } = access;
  const other = wanted.find((account) => account !== ready.user);
  if (other !== undefined) {
    throw new UsageError(`The run lets us in as "${ready.user}" only, not as "${other}"`, {
      hop: "ssh-login",
      hint: `Leave --ssh-user out, or name "${ready.user}"`,
    });
  }
  return { kind: "ready", login: ready, accounts: [checkAccount(ready.user)] };
}

/** A login by password alone lets us install a key of our own for that account. */
function passwordLogin(ready: SshLogin | undefined): SshLogin | undefined {
  return ready?.password !== undefined && ready.privateKey === undefined ? ready : undefined;
}

function atLeastOne(accounts: readonly string[], fallback: string | undefined): readonly [string, ...string[]] {
  const [first = fallback, ...rest] = accounts;
  if (first === undefined) {
    throw new UsageError("No account is known for passwordless SSH", {
      hop: "ssh-login",
      hint: "Add --ssh-user with the account to log in as",
    });
  }
  return [checkAccount(first), ...rest];
}
