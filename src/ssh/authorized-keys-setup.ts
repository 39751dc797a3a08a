// The remote half of passwordless SSH: one session, one script, which lets our key into the accounts and tells the run's
// host keys; and the same way back.
import { randomBytes } from "node:crypto";
import { AuthError, type LocalError, NotFoundError, UnreachableError } from "../domain/errors.ts";
import { checkAccount } from "./formats/authorized-keys.ts";
import { type HostKey, hostKeyOfBlob } from "./formats/host-key.ts";
import { renderPosixScript } from "./remote/posix-script.ts";
import { type AccountFailure, parseRemoteAnswer, type RemoteAnswer, type RemoteJob } from "./remote/remote-job.ts";
import type { RemoteShell } from "./remote/remote-shell.ts";
import { renderWindowsScript, WINDOWS_COMMAND } from "./remote/windows-script.ts";

/** What to do on the run. */
export type AuthorisedKeyOptions = {
  readonly accounts: readonly string[];
  /** The whole authorized_keys line. */
  readonly line: string;
  readonly system: "linux" | "windows";
  readonly signal: AbortSignal;
};

/** What the run said. */
export type AuthorisedKey = {
  /** All host keys of the run, the one that this very connection showed among them. */
  readonly hostKeys: readonly HostKey[];
  readonly notes: readonly string[];
};

/** Host keys and a few words; a run that says more has something else to say. */
const MAX_OUTPUT_BYTES = 256 * 1024;

/** Adds the line to each account's authorized_keys where it is not there yet. Safe to call twice. Throws an AppError that
 * names the account; other accounts may then hold the line already. */
export async function addAuthorisedKey(connection: RemoteShell, options: AuthorisedKeyOptions): Promise<AuthorisedKey> {
  const answer = await runJob(connection, "add", options);
  const [failure] = answer.failures;
  if (failure !== undefined) throw accountError("let our key into", failure);
  return {
    hostKeys: chooseHostKeys(hostKeyOfBlob(connection.hostKey()), answer.hostKeys),
    notes: answer.notes,
  };
}

/** Removes exactly that line from each account's authorized_keys. An account or a line that is gone is success. */
export async function removeAuthorisedKey(connection: RemoteShell, options: AuthorisedKeyOptions): Promise<void> {
  const answer = await runJob(connection, "remove", options);
  const failure = answer.failures.find(({ code }) => code !== "no-account" && code !== "no-home");
  if (failure !== undefined) throw accountError("take our key out of", failure);
}

/** The key that the server showed must be one that the run calls its own; then all of them are trusted. A run that lists
 * none gets the shown one alone. Throws AuthError. */
export function chooseHostKeys(shown: HostKey, listed: readonly HostKey[]): readonly HostKey[] {
  if (listed.length === 0) return [shown];
  if (listed.some((key) => key.base64 === shown.base64)) return listed;
  throw new AuthError(`The SSH server showed a host key (${shown.type}) that the run does not list as its own`, {
    code: "host-key-mismatch",
    hop: "ssh-key",
    hint: "Somebody may stand between you and the run, or its SSH server uses keys from an unusual place; ask its owner",
  });
}

async function runJob(
  connection: RemoteShell,
  mode: RemoteJob["mode"],
  options: AuthorisedKeyOptions,
): Promise<RemoteAnswer> {
  const tag = `runtunnel-${randomBytes(8).toString("hex")}`;
  const job = { mode, accounts: options.accounts.map(checkAccount), line: options.line, tag };
  const isWindows = options.system === "windows";
  const result = await connection.exec(isWindows ? WINDOWS_COMMAND : "sh", {
    input: isWindows ? renderWindowsScript(job) : renderPosixScript(job),
    signal: options.signal,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
  const answer = parseRemoteAnswer(result.stdout, tag);
  if (answer.complete) return answer;
  const detail = result.stderr
    .replaceAll(/[^\P{C}]+/gu, " ")
    .trim()
    .slice(0, 200);
  throw new UnreachableError(
    `The run did not finish the set-up of SSH keys (exit code ${result.code ?? "none"}${detail === "" ? "" : `: ${detail}`})`,
    { code: "remote-setup", hop: "ssh-login", hint: "Log in by hand and see whether a POSIX shell answers" },
  );
}

function accountError(action: string, failure: AccountFailure): AuthError | LocalError | NotFoundError {
  const message = `Cannot ${action} account "${failure.account}": ${failure.detail}`;
  const details = { code: `account-${failure.code}`, hop: "ssh-key" } as const;
  switch (failure.code) {
    case "no-account":
      return new NotFoundError(message, { ...details, hint: "Name an account of the run with --ssh-user" });
    case "no-home":
      return new NotFoundError(message, {
        ...details,
        hint: "Let its home folder be made, or name another --ssh-user",
      });
    case "trap":
      return new AuthError(message, { ...details, hint: "Look at that folder on the run before you go on" });
    default:
      return new AuthError(message, { ...details, hint: "Check space, rights and file system of the account's home" });
  }
}
