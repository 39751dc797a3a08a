// What really runs inside sessions: dropbear with an RSA host key, user `work`, SFTP. In a mount namespace of its own, since
// it looks accounts up in the system's files.
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closedPort } from "../../support/echo-server.ts";
import { eventually } from "../../support/eventually.ts";
import { requirePeer } from "../../support/peers.ts";

/** A running dropbear. */
export type Dropbear = { readonly port: number; readonly home: string; stop(): Promise<void> };

/** Mounting over the accounts' files takes an administrator. */
export const canRunDropbear =
  process.platform === "linux" && process.getuid?.() === 0 && requirePeer("dropbear", "dropbearkey", "unshare", "ssh");

const UID = 64_999;

/** Starts it with one authorised key. */
export async function startDropbear(authorizedKey: string): Promise<Dropbear> {
  const folder = await mkdtemp(join(tmpdir(), "runtunnel-dropbear-"));
  await chmod(folder, 0o755);
  const home = join(folder, "home");
  await mkdir(join(home, ".ssh"), { recursive: true });
  await writeFile(join(home, ".ssh/authorized_keys"), `${authorizedKey}\n`, { mode: 0o600 });
  for (const path of ["", ".ssh", ".ssh/authorized_keys"]) await chown(join(home, path), UID, UID);
  await chmod(join(home, ".ssh"), 0o700);
  await writeFile(join(folder, "passwd"), `root:x:0:0::/root:/bin/sh\nwork:x:${UID}:${UID}::${home}:/bin/sh\n`);
  await writeFile(join(folder, "shadow"), "root:*:1::::::\nwork:*:1::::::\n", { mode: 0o600 });
  const made = Bun.spawnSync(["dropbearkey", "-t", "rsa", "-s", "2048", "-f", join(folder, "hostkey")]);
  if (made.exitCode !== 0) throw new Error(`dropbearkey failed: ${made.stderr}`);
  const port = await closedPort();
  const script = [
    `mount --bind ${folder}/passwd /etc/passwd`,
    `mount --bind ${folder}/shadow /etc/shadow`,
    `exec dropbear -F -E -w -g -K 15 -I 0 -p 127.0.0.1:${port} -r ${folder}/hostkey`,
  ].join(" && ");
  const child = Bun.spawn(["unshare", "-m", "sh", "-c", script], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end(), {
      timeoutMs: 20_000,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, home, stop };
}
