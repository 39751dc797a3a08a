// The SSH server of one run: logins by password and key, sessions, connections to the run's own ports.
import { readFile, stat } from "node:fs/promises";
import net, { type Socket } from "node:net";
import { dirname, join } from "node:path";
import type * as Ssh2 from "ssh2";
import type { AuthContext, Connection, PublicKeyAuthContext, Server } from "ssh2";
import { errorMessage } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { ServerAddress } from "../loopback-server.ts";
import { EVERYTHING, type Permissions, parseAuthorizedKeys } from "./authorized-keys.ts";
import type { Commands } from "./commands.ts";
import { type HostKey, type HostKind, writeHostKeys } from "./host-keys.ts";
import type { RunFolder } from "./run-folder.ts";
import { serveSession } from "./session.ts";

/** What the SSH server of a run needs. */
export type SshServerOptions = {
  readonly hostName: string;
  readonly kind: HostKind;
  readonly hostKeys: readonly HostKey[];
  readonly folder: RunFolder;
  readonly commands: Commands;
  /** The passwords that open an account; empty when there is no such account. Asked at each login. */
  readonly passwordsOf: (account: string) => readonly string[];
  /** Where a port of the run is, for connections forwarded by clients. */
  readonly findPort: (host: string, port: number) => Promise<ServerAddress | undefined>;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
};

/** As sshd's MaxAuthTries; queries whether a key would do do not count. */
const MAX_TRIES = 6;

/** As runs configure sshd (ClientAliveInterval 30, ClientAliveCountMax 120), and as sessions start dropbear (-K 15). */
const MANNERS = {
  machine: { ident: "OpenSSH_8.0", keepaliveInterval: 30_000, keepaliveCountMax: 120 },
  container: { ident: "dropbear_2024.85", keepaliveInterval: 15_000, keepaliveCountMax: 3 },
} as const satisfies Record<HostKind, object>;

const METHODS = ["publickey", "password", "keyboard-interactive"] as const;

/** Prepares a server: files and the SSH library, which cost time and wait for the first client. */
export async function startSshServer(options: SshServerOptions): Promise<{ accept(socket: Socket): void }> {
  const ssh2 = await import("ssh2");
  await options.folder.create(options.hostName);
  await writeHostKeys(join(options.folder.root, "etc/ssh"), options.hostKeys);
  const server = new ssh2.Server({
    hostKeys: options.hostKeys.map((key) => key.privateKey),
    ...MANNERS[options.kind],
  });
  server.on("connection", (connection) => serveConnection(connection, ssh2, options));
  return { accept: (socket) => inject(server, socket) };
}

function inject(server: Server, socket: Socket): void {
  // The library answers a FIN only by ending its half itself, which a socket that keeps half-close needs.
  socket.once("end", () => socket.end());
  server.injectSocket(socket);
}

function serveConnection(connection: Connection, ssh2: typeof Ssh2, options: SshServerOptions): void {
  let permissions = EVERYTHING;
  let account = "";
  let tries = 0;
  connection.on("error", (error: Error) => options.log.debug("SSH connection failed", { reason: error.message }));
  connection.on("authentication", (context) => {
    decideLogin(context, ssh2, options).then(
      (granted) => {
        if (granted !== undefined) {
          permissions = granted;
          account = context.username;
          context.accept();
          return;
        }
        if (context.method !== "none") tries += 1;
        context.reject([...METHODS]);
        if (tries >= MAX_TRIES) connection.end();
      },
      (error: unknown) => {
        options.log.warning("SSH login failed", { reason: errorMessage(error) });
        connection.end();
      },
    );
  });
  connection.on("session", (accept) => serveSession(accept(), { ...options, account, permissions }));
  connection.on("tcpip", (accept, reject, info) => {
    const find = permissions.portForwarding ? options.findPort(info.destIP, info.destPort) : Promise.resolve(undefined);
    find.then(
      (place) => (place === undefined ? reject() : forward(place, accept, reject)),
      () => reject(),
    );
  });
}

async function decideLogin(
  context: AuthContext,
  ssh2: typeof Ssh2,
  options: SshServerOptions,
): Promise<Permissions | undefined> {
  const passwords = options.passwordsOf(context.username);
  switch (context.method) {
    case "password":
      return passwords.includes(context.password) ? EVERYTHING : undefined;
    case "keyboard-interactive":
      return passwords.includes(await askPassword(context)) ? EVERYTHING : undefined;
    case "publickey":
      return passwords.length === 0 ? undefined : checkKey(context, ssh2, options.folder.homeOf(context.username));
    case "none":
    case "hostbased":
      return undefined;
  }
}

function askPassword(context: Ssh2.KeyboardAuthContext): Promise<string> {
  return new Promise((resolve) => {
    context.prompt([{ prompt: "Password: ", echo: false }], (answers) => {
      // After an abort the library hands an error instead of answers.
      resolve(Array.isArray(answers) ? (answers[0] ?? "") : "");
    });
  });
}

/** A query without a signature is granted when the key is listed; a login when the signature fits too. */
async function checkKey(
  context: PublicKeyAuthContext,
  ssh2: typeof Ssh2,
  home: string,
): Promise<Permissions | undefined> {
  const file = join(home, ".ssh/authorized_keys");
  const text = await readFile(file, "utf8").catch(() => "");
  const base64 = context.key.data.toString("base64");
  const listed = parseAuthorizedKeys(text).find((key) => key.base64 === base64);
  if (listed === undefined || !(await isWellKept(file, home))) return undefined;
  if (context.signature === undefined || context.blob === undefined) return listed.permissions;
  const key = ssh2.utils.parseKey(`${listed.type} ${listed.base64}`);
  if (key instanceof Error) return undefined;
  return key.verify(context.blob, context.signature, context.hashAlgo) === true ? listed.permissions : undefined;
}

/** As sshd's StrictModes: nobody else may write the file, its folder or the home. */
async function isWellKept(file: string, home: string): Promise<boolean> {
  if (process.platform === "win32") return true;
  const modes = await Promise.all([file, dirname(file), home].map(async (path) => (await stat(path)).mode));
  return modes.every((mode) => (mode & 0o022) === 0);
}

function forward(place: ServerAddress, accept: () => Ssh2.ServerChannel, reject: () => void): void {
  const socket = net.connect({ host: place.host, port: place.port, allowHalfOpen: true, noDelay: true });
  socket.once("error", reject);
  socket.once("connect", () => {
    const channel = accept();
    socket.on("error", () => channel.destroy());
    channel.on("error", () => socket.destroy());
    channel.once("close", () => socket.destroy());
    channel.pipe(socket).pipe(channel);
  });
}
