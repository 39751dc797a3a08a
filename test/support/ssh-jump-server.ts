// OpenSSH's own server with keys of its own, as jump host and as judge of our SSH client.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requirePeer } from "./peers.ts";
import { type RunningProgram, startProgram } from "./program.ts";

/** A running sshd. */
export type SshServer = RunningProgram & {
  /** The account to log in with: the one the tests run as. */
  readonly user: string;
  /** OpenSSH private key of the account. */
  readonly privateKey: string;
  /** A key the server does not know. */
  readonly strangerKey: string;
  /** Base64 of the server's host key. */
  readonly hostKey: string;
};

/** Whether sshd can be run here. */
export const hasSshServer = process.platform !== "win32" && requirePeer("sshd", "ssh-keygen");

/** Starts sshd on a free port; `settings` are further lines of its configuration. */
export async function startSshServer(settings: readonly string[] = []): Promise<SshServer> {
  const keys = { privateKey: "", strangerKey: "", hostKey: "" };
  const server = await startProgram("sshd", async (folder, port) => {
    // Where privileges are separated, sshd insists on this folder.
    if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
    for (const name of ["host", "user", "stranger"]) await makeKey(join(folder, name));
    keys.privateKey = await readFile(join(folder, "user"), "utf8");
    keys.strangerKey = await readFile(join(folder, "stranger"), "utf8");
    keys.hostKey = (await readFile(join(folder, "host.pub"), "utf8")).split(" ")[1] ?? "";
    const file = join(folder, "sshd_config");
    const lines = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${folder}/host`,
      `PidFile ${folder}/pid`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "MaxStartups 200",
      "MaxSessions 200",
      ...settings,
    ];
    await writeFile(file, `${lines.join("\n")}\n`);
    await chmod(folder, 0o755);
    return { command: ["/usr/sbin/sshd", "-D", "-e", "-f", file] };
  });
  return { ...server, ...keys, user: await currentUser() };
}

/** As the system knows the account; the runtime only repeats a variable that may be missing. */
async function currentUser(): Promise<string> {
  return (await new Response(Bun.spawn(["id", "-un"]).stdout).text()).trim();
}

async function makeKey(file: string): Promise<void> {
  const child = Bun.spawn(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], { stdout: "ignore" });
  if ((await child.exited) !== 0) throw new Error("ssh-keygen failed");
}
