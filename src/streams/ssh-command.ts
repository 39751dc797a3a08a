// Runs one command over an SSH channel and collects what it writes.
import type { ClientChannel } from "ssh2";
import { UnreachableError } from "../domain/errors.ts";

/** Limits and input of one command. */
export type SshCommandOptions = {
  /** Written to the command's input, which is closed behind it. */
  readonly input?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** For both outputs together. */
  readonly maxOutputBytes: number;
};

/** What became of a command. */
export type SshCommandResult = {
  /** Exit code; undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

/** Collects the command's outputs until it is over. Closes the channel in any case. */
export function runCommand(channel: ClientChannel, options: SshCommandOptions): Promise<SshCommandResult> {
  const { signal } = options;
  return new Promise<SshCommandResult>((resolve, reject) => {
    const outputs = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
    let bytes = 0;
    let code: number | undefined;
    let hasEnded = false;
    const collect = (into: Uint8Array[]) => (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes <= options.maxOutputBytes) into.push(chunk);
      else reject(tooMuchError(options.maxOutputBytes));
    };
    channel.on("data", collect(outputs.stdout));
    channel.stderr.on("data", collect(outputs.stderr));
    channel.on("error", reject);
    channel.on("exit", (exitCode: number | null) => {
      hasEnded = true;
      code = exitCode ?? undefined;
    });
    channel.on("close", () => {
      if (!hasEnded) reject(cutOffError());
      else resolve({ code, stdout: decode(outputs.stdout), stderr: decode(outputs.stderr) });
    });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
    if (options.input === undefined) channel.end();
    else channel.end(options.input);
  }).finally(() => channel.close());
}

function decode(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function tooMuchError(maxBytes: number): UnreachableError {
  return new UnreachableError(`A command on the SSH server wrote more than ${maxBytes} bytes`, {
    code: "ssh-output-too-long",
    hop: "ssh-login",
    transient: false,
  });
}

function cutOffError(): UnreachableError {
  return new UnreachableError("The SSH connection was lost while a command ran", {
    code: "ssh-lost",
    hop: "ssh-login",
  });
}
