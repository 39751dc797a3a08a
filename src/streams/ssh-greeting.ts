// What an SSH server says before the login: its identification line and its key; or what it says instead.
import { TimeoutError, UnreachableError } from "../domain/errors.ts";
import { quoteForeign } from "./foreign-text.ts";

/** As much as is looked at; servers may send some lines before the identification (RFC 4253, section 4.2). */
const MAX_GREETING_BYTES = 4096;

/** Collects the greeting of one connection. */
export class SshGreeting {
  hostKey: Uint8Array = new Uint8Array(0);
  banner = "";
  #text = "";

  /** Whether the identification line has come. */
  get isComplete(): boolean {
    return this.banner !== "";
  }

  /** Adds what the server sent; bytes behind the identification are ignored. */
  add(chunk: Uint8Array): void {
    if (this.isComplete || this.#text.length >= MAX_GREETING_BYTES) return;
    this.#text += Buffer.from(chunk.subarray(0, MAX_GREETING_BYTES)).toString("latin1");
    this.banner = /(?:^|\n)(SSH-[^\r\n]*)\r?\n/.exec(this.#text)?.[1] ?? "";
  }

  /** The error for a connection that closed without an identification. */
  missingError(cause: unknown): UnreachableError {
    return new UnreachableError(`No SSH server answers there: ${this.#said("the connection was closed")}`, {
      code: "ssh-no-banner",
      hop: "ssh-banner",
      hint: "Check that the port is that of an SSH server, and that the run has finished starting",
      cause,
    });
  }

  /** The error for a login whose time is over. */
  timeoutError(timeoutMs: number): TimeoutError | UnreachableError {
    if (this.isComplete) {
      return new TimeoutError(`The SSH login did not finish within ${timeoutMs} ms`, {
        code: "ssh-login-timeout",
        hop: "ssh-login",
      });
    }
    return new UnreachableError(`No SSH server answers there: ${this.#said(`silence for ${timeoutMs} ms`)}`, {
      code: "ssh-no-banner",
      hop: "ssh-banner",
      hint: "Check that the port is that of an SSH server, and that the run has finished starting",
    });
  }

  #said(otherwise: string): string {
    return this.#text === "" ? otherwise : quoteForeign(this.#text);
  }
}
