// The contract of an SSH client that must be told about a host. It plans steps, takes them and takes them back; a step is
// journal data, so that any later process can take it back.
import type { Clock } from "../../domain/clock.ts";
import type { LockParty } from "../../os/lock-file.ts";
import type { System } from "../../os/paths.ts";
import type { HostKey } from "../formats/host-key.ts";
import type { JournalEntry } from "../journal.ts";
import type { RunProgram } from "../run-program.ts";

/** What clients may reach. */
export type ClientContext = {
  readonly system: System;
  readonly homeFolder: string;
  /** The user's variables, for clients that are configured by them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Private folder for what must be kept until the host is removed. */
  readonly keyFolder: string;
  readonly lock: LockParty & { readonly clock: Clock };
  readonly run: RunProgram;
};

/** A host as SSH clients are to know it. */
export type SshHost = {
  readonly alias: string;
  /** Who adds it: only the same one removes it again. */
  readonly owner: string;
  readonly address: string;
  readonly port: number;
  /** Accounts that let our key in; the first is the default. */
  readonly users: readonly [string, ...string[]];
  /** Absolute path of the private key in OpenSSH's or PEM format. */
  readonly identityFile: string;
  /** Absolute path of the same key for PuTTY; absent when there is none. */
  readonly ppkFile?: string;
  readonly hostKeys: readonly HostKey[];
  /** Name under which the host's keys are known. */
  readonly hostKeyAlias: string;
  /** Folder of OpenSSH's files. */
  readonly sshFolder: string;
};

/** An SSH client. Each step may be taken, and taken back, any number of times, in any state that a crash leaves. */
export interface SshClient {
  /** For messages: `OpenSSH`. */
  readonly name: string;
  /** Whether set-up fails where this client cannot be told; otherwise the user gets a warning. */
  readonly isEssential: boolean;
  /** Kinds of journal entries that are this client's. */
  readonly kinds: readonly string[];
  /** Whether telling it makes sense here; changes nothing. */
  isPresent(context: ClientContext): Promise<boolean>;
  /** The steps that make the host known, in order; changes nothing. */
  plan(host: SshHost, context: ClientContext): Promise<readonly JournalEntry[]>;
  /** Takes one step. */
  apply(entry: JournalEntry, context: ClientContext): Promise<void>;
  /** Takes one step back: exactly what it wrote, whatever else changed since. */
  undo(entry: JournalEntry, context: ClientContext): Promise<void>;
}
