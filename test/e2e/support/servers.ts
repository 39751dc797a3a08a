// Real servers of others on loopback, each with its configuration in a scratch folder: OpenSSH and CONNECT proxies.
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually } from "../../support/eventually.ts";

/** A server that runs until the end of the `await using` block. */
export type Peer = AsyncDisposable & { readonly port: number; readonly folder: string };

/** Certificates for 127.0.0.1 with their authority. */
const TLS_FIXTURES = resolve(import.meta.dir, "../../platforms/fixtures/tls");
export const AUTHORITY_FILE = join(TLS_FIXTURES, "authority.pem");

const isRoot = process.getuid?.() === 0;

/** An OpenSSH server with a key that opens the account of whoever runs the tests. */
export type SshPeer = Peer & {
  readonly user: string;
  readonly identity: string;
  /** Options that make OpenSSH's clients look at nothing but these files. */
  readonly clientOptions: readonly string[];
};

/** Starts a real sshd. */
export async function startSshd(): Promise<SshPeer> {
  const folder = await makeFolder("sshd");
  for (const name of ["host", "identity"]) {
    runProgram("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)]);
  }
  const identity = join(folder, "identity");
  const hostKey = (await readFile(join(folder, "host.pub"), "utf8")).trim();
  await writeFile(join(folder, "known_hosts"), `run ${hostKey}\n`);
  if (isRoot) await mkdir("/run/sshd", { recursive: true });
  const peer = await startPeer(folder, (port) => ({
    program: "/usr/sbin/sshd",
    words: ["-D", "-e", "-f", join(folder, "sshd_config")],
    files: {
      sshd_config: [
        `Port ${port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${join(folder, "host")}`,
        `AuthorizedKeysFile ${identity}.pub`,
        `PidFile ${join(folder, "pid")}`,
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin yes",
        "MaxStartups 200",
        "Subsystem sftp internal-sftp",
      ],
    },
  }));
  const clientOptions = [
    ["-F", "/dev/null"],
    ["-i", identity],
    ["-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`],
    ["-o", "HostKeyAlias=run"],
    ["-o", "BatchMode=yes"],
    ["-o", "IdentitiesOnly=yes"],
    ["-o", "LogLevel=ERROR"],
  ].flat();
  return { ...peer, user: runProgram("id", ["-un"]).trim(), identity, clientOptions };
}

/** Starts tinyproxy. */
export async function startTinyproxy(): Promise<Peer> {
  const folder = await makeFolder("tinyproxy");
  return startPeer(folder, (port) => ({
    program: "tinyproxy",
    words: ["-d", "-c", join(folder, "tinyproxy.conf")],
    files: {
      "tinyproxy.conf": [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "MaxClients 2000", "LogLevel Critical"],
    },
  }));
}

/** Starts squid. With credentials it asks for exactly those. */
export async function startSquid(login?: { readonly user: string; readonly password: string }): Promise<Peer> {
  const folder = await makeFolder("squid");
  const name = `rt${Math.random().toString(36).slice(2, 10)}`;
  const authentication = [
    `auth_param basic program ${join(folder, "check-login")}`,
    "acl known proxy_auth REQUIRED",
    "http_access allow known",
    "http_access deny all",
  ];
  const peer = await startPeer(folder, (port) => ({
    program: "/usr/sbin/squid",
    words: ["-n", name, "-N", "-f", join(folder, "squid.conf")],
    // It takes seconds to say goodbye.
    kill: "SIGKILL",
    files: {
      "check-login": [
        "#!/bin/sh",
        `while read -r user password; do`,
        `if [ "$user $password" = "${escapeForHelper(login?.user)} ${escapeForHelper(login?.password)}" ]`,
        "then echo OK; else echo ERR; fi; done",
      ],
      "squid.conf": [
        `http_port 127.0.0.1:${port}`,
        ...(login === undefined ? ["http_access allow all"] : authentication),
        "cache deny all",
        "access_log none",
        `cache_log ${join(folder, "cache.log")}`,
        `pid_filename ${join(folder, "pid")}`,
        `coredump_dir ${folder}`,
        "max_filedescriptors 8192",
      ],
    },
  }));
  return {
    ...peer,
    [Symbol.asyncDispose]: async () => {
      await peer[Symbol.asyncDispose]();
      for (const part of ["metadata", "queues", "readers"])
        await rm(`/dev/shm/${name}-cf__${part}.shm`, { force: true });
    },
  };
}

/** As squid escapes what it hands to its helpers: the unsafe characters of RFC 1738. */
function escapeForHelper(text = ""): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      const isPlain = byte > 0x20 && byte < 0x7f && !/[<>"#%{}|\\^~[\]`']/.test(character);
      return isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** Starts Apache as a CONNECT proxy, behind TLS on request. */
export async function startApache(options: { readonly tls: boolean }): Promise<Peer> {
  const folder = await makeFolder("apache");
  const modules = ["mpm_event", "authz_core", "proxy", "proxy_connect", ...(options.tls ? ["ssl"] : [])];
  return startPeer(folder, (port) => ({
    program: "/usr/sbin/apache2",
    words: ["-DFOREGROUND", "-d", folder, "-f", join(folder, "apache.conf")],
    files: {
      "apache.conf": [
        ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
        `PidFile ${join(folder, "pid")}`,
        `DefaultRuntimeDir ${folder}`,
        `ErrorLog ${join(folder, "error.log")}`,
        `Listen 127.0.0.1:${port}`,
        "ServerName localhost",
        ...(isRoot ? ["User www-data", "Group www-data"] : []),
        "ProxyRequests On",
        "AllowCONNECT 1-65535",
        "<Proxy *>",
        "Require all granted",
        "</Proxy>",
        ...(options.tls
          ? [
              "SSLEngine on",
              `SSLCertificateFile ${join(TLS_FIXTURES, "good.pem")}`,
              `SSLCertificateKeyFile ${join(TLS_FIXTURES, "good.key")}`,
            ]
          : []),
      ],
    },
  }));
}

/** Starts websockify in front of a port of this machine. */
export async function startWebsockify(target: number): Promise<Peer> {
  const folder = await makeFolder("websockify");
  return startPeer(folder, (port) => ({
    program: "websockify",
    words: [`127.0.0.1:${port}`, `127.0.0.1:${target}`],
    files: {},
  }));
}

/** Runs a program of others to its end; throws with what it said when it fails. */
export function runProgram(program: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, [...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return stdout;
}

/** A port that nothing listens on, below the range from which the system takes ports for outgoing connections. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await canListen(port)) return port;
  }
}

type PeerPlan = {
  readonly program: string;
  readonly words: readonly string[];
  /** Lines of each file in the folder. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** How it is ended; default SIGTERM. */
  readonly kill?: "SIGKILL";
};

/** Writes the files, starts the program and waits until it takes connections. Another program may snatch the port: then
 * another port is tried. */
async function startPeer(folder: string, plan: (port: number) => PeerPlan): Promise<Peer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const { program, words, files, kill = "SIGTERM" } = plan(port);
    for (const [name, lines] of Object.entries(files)) {
      await writeFile(join(folder, name), `${lines.join("\n")}\n`);
      await chmod(join(folder, name), lines[0]?.startsWith("#!") === true ? 0o755 : 0o644);
    }
    const log = Bun.file(join(folder, "output.log"));
    const child = Bun.spawn([program, ...words], { stdin: "ignore", stdout: log, stderr: log });
    const stop = async (): Promise<void> => {
      child.kill(kill);
      await child.exited;
    };
    try {
      await eventually(async () => {
        if (child.exitCode !== null) return;
        await canConnect(port);
      });
      if (child.exitCode === null) {
        return {
          port,
          folder,
          [Symbol.asyncDispose]: async () => {
            await stop();
            await rm(folder, { recursive: true, force: true });
          },
        };
      }
    } catch (error) {
      await stop();
      throw error;
    }
    if (attempt === 3) throw new Error(`${program} does not start: ${await log.text()}`);
  }
}

async function makeFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `runtunnel-${name}-`));
  // Some of these servers go on under another account and write their files there.
  await chmod(folder, 0o777);
  return folder;
}

function canConnect(port: number): Promise<void> {
  return new Promise((resolve_, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve_();
    });
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve_) => {
    const server = net.createServer();
    server.once("error", () => resolve_(false));
    server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve_(true)));
  });
}
