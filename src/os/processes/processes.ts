// The contract of looking at processes: who is alive, since when, whose, and how to signal exactly that one.
import type { ProcessIdentity } from "../../domain/process-identity.ts";

/** What messages say about a process. */
export type ProcessDescription = {
  /** The command line where the system tells it, else the program. */
  readonly command: string;
  readonly owner: string;
  readonly parentPid?: number;
};

/** Asks the system about processes. Answers are of the moment and cost a file read or a short command each. */
export interface Processes {
  /** The process we are. */
  self(): ProcessIdentity;
  /** Identity of whoever has this number now; undefined when nobody has, or only a zombie. */
  find(pid: number): ProcessIdentity | undefined;
  /** Whether exactly this process still runs; false when its number went to another one. */
  isAlive(identity: ProcessIdentity): boolean;
  /** Signals exactly this process; false when it is gone. Windows knows no polite end: both kinds end it at once. Throws
   * AuthError with code `not-permitted` when the system forbids it. */
  signal(identity: ProcessIdentity, signal: "terminate" | "kill"): boolean;
  describe(pid: number): ProcessDescription | undefined;
  /** Name of the user we run as. Never taken from the environment, which anybody may set. */
  currentUser(): string;
  /** Name of this machine, for records in folders that several machines share. */
  machine(): string;
}
