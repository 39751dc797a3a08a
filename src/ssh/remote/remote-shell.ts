// What passwordless SSH needs of a connection to a run; the SSH connections of `streams` are such.
import type { SshLogin } from "../../domain/route.ts";

/** An authenticated SSH connection. */
export interface RemoteShell {
  /** The server's identification: `SSH-2.0-OpenSSH_9.2p1`. */
  readonly banner: string;
  /** Runs one command without a terminal. */
  exec(
    command: string,
    options: { readonly input?: string; readonly signal: AbortSignal; readonly maxOutputBytes: number },
  ): Promise<{ readonly code: number | null | undefined; readonly stdout: string; readonly stderr: string }>;
  /** The blob of the key that the server showed. */
  hostKey(): Uint8Array;
  close(): void;
}

/** Logs in at the run's SSH port. Throws AuthError where the login is refused, UnreachableError where nobody answers. */
export type ConnectShell = (login: SshLogin, signal: AbortSignal) => Promise<RemoteShell>;
