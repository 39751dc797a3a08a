// OpenSSH's own clients, with nothing of the machine's configuration and no terminal to ask for a password.
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collectOutput } from "../../support/collect-output.ts";

/** How a client ended. */
export type ClientResult = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

/** Options that keep everything of the user's own out and take any host key. */
export const ISOLATED: readonly string[] = [
  ["-F", "/dev/null"],
  ["-o", "UserKnownHostsFile=/dev/null"],
  ["-o", "StrictHostKeyChecking=no"],
  ["-o", "LogLevel=ERROR"],
].flat();

/** Variables that let OpenSSH ask a program of ours for the password. */
export async function passwordEnvironment(folder: string, password: string): Promise<Record<string, string>> {
  const program = join(folder, "askpass");
  await writeFile(program, `#!/bin/sh\necho '${password}'\n`);
  await chmod(program, 0o700);
  return { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: "force", DISPLAY: ":0" };
}

/** Runs `ssh`, `scp` or `sftp` to its end. */
export async function runClient(
  words: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string | Buffer<ArrayBuffer> } = {},
): Promise<ClientResult> {
  const child = Bun.spawn({
    cmd: [...words],
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  return collectOutput(child);
}
