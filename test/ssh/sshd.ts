// A real OpenSSH server on loopback, with accounts of its own: in a private mount namespace it sees another passwd file,
// so that scripts run as root there touch scratch homes alone.
import { chmod, chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { runOk } from "./run-program.ts";

/** Password of root and of nobody else. */
export const ROOT_PASSWORD = "correct horse";

/** A running server. */
export type Sshd = AsyncDisposable & {
  readonly port: number;
  readonly pid: number;
  /** Home of an account. */
  home(account: string): string;
  /** Contents of the `.pub` files. */
  readonly hostKeys: readonly string[];
};

/** How to start it. */
export type SshdOptions = {
  /** Scratch folder. */
  readonly folder: string;
  readonly keyTypes?: readonly ("ed25519" | "rsa" | "ecdsa")[];
  /** Further lines of its configuration. */
  readonly config?: readonly string[];
  /** The port of an earlier server, to stand in its place. */
  readonly port?: number;
};

/** Accounts in the server's world: name, uid, gid. `ana` has no group of her name. */
const ACCOUNTS = [
  ["ana", 4101, 4200],
  ["ben", 4102, 4102],
] as const;

/** Whether such a server can run here: it needs root. */
export function canRunSshd(): boolean {
  return process.getuid?.() === 0 && requirePeer("sshd", "unshare", "ssh-keygen", "openssl");
}

/** The words that run a command in a world whose passwd and shadow files lie in `folder`. */
export function inWorld(folder: string, command: readonly string[]): readonly string[] {
  const script = `mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && shift && exec "$@"`;
  return ["unshare", "-m", "sh", "-c", script, "sh", folder, ...command];
}

/** Writes passwd, shadow and homes below `folder`. */
export async function makeWorld(folder: string): Promise<void> {
  const hash = (await runOk(["openssl", "passwd", "-6", ROOT_PASSWORD], { home: folder })).trim();
  const real = (await readFile("/etc/passwd", "utf8")).split("\n");
  const needed = real.filter((line) => /^(?:sshd|nobody):/.test(line));
  const home = (name: string) => join(folder, "homes", name);
  const lines = [
    `root:x:0:0:root:${home("root")}:/bin/sh`,
    ...ACCOUNTS.map(([name, uid, gid]) => `${name}:x:${uid}:${gid}:,,:${home(name)}:/bin/sh`),
    ...needed,
  ];
  await writeFile(join(folder, "passwd"), `${lines.join("\n")}\n`, { mode: 0o644 });
  await writeFile(
    join(folder, "shadow"),
    `root:${hash}:19000:0:99999:7:::\n${ACCOUNTS.map(([name]) => `${name}:*:19000:0:99999:7:::\n`).join("")}`,
  );
  await mkdir(join(folder, "homes"), { mode: 0o755, recursive: true });
  await chmod(folder, 0o755);
  for (const [name, uid, gid] of [["root", 0, 0] as const, ...ACCOUNTS]) {
    await mkdir(home(name), { mode: 0o755, recursive: true });
    await chown(home(name), uid, gid);
  }
}

/** Starts a server; ends it when the test's block ends. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { folder } = options;
  await makeWorld(folder);
  await mkdir("/run/sshd", { recursive: true });
  const types = options.keyTypes ?? ["ed25519", "ecdsa", "rsa"];
  for (const type of types) {
    const file = join(folder, `host_${type}`);
    if (await Bun.file(file).exists()) continue;
    await runOk(["ssh-keygen", "-q", "-t", type, "-N", "", "-f", file], { home: folder });
  }
  const port = options.port ?? (await freePort());
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...types.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
    "AuthorizedKeysFile .ssh/authorized_keys",
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PermitRootLogin yes",
    "PasswordAuthentication yes",
    "Subsystem sftp internal-sftp",
    "LogLevel VERBOSE",
    ...(options.config ?? []),
  ];
  await writeFile(join(folder, "sshd_config"), `${config.join("\n")}\n`);
  const logFile = join(folder, "sshd.log");
  const child = Bun.spawn([...inWorld(folder, ["/usr/sbin/sshd", "-D", "-e", "-f", join(folder, "sshd_config")])], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(logFile),
  });
  const log = async () => await Bun.file(logFile).text();
  await eventually(async () => {
    if (!(await log()).includes("Server listening")) throw new Error(`sshd: ${await log()}`);
  });
  const hostKeys = await Promise.all(types.map((type) => readFile(join(folder, `host_${type}.pub`), "utf8")));
  return {
    port,
    pid: child.pid,
    home: (account) => join(folder, "homes", account),
    hostKeys,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

/** A port that was free a moment ago; servers that cannot say which one they took need it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
