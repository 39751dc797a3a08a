// The machine of one run: which of its ports is where on loopback. Nothing is started before somebody asks for it.
import { once } from "node:events";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Log } from "../../domain/log.ts";
import { LoopbackServer, type ServerAddress } from "../loopback-server.ts";
import { Commands } from "./commands.ts";
import { type HostKey, type HostKind, makeHostKeys } from "./host-keys.ts";
import { type Account, RunFolder } from "./run-folder.ts";
import { startSshServer } from "./ssh-server.ts";

/** What the machine of a run is made from. */
export type RunHostOptions = {
  /** As the run calls itself: `pipeline-1001`. */
  readonly name: string;
  /** Default: a machine. */
  readonly kind?: HostKind;
  /** Folder for the run's files; made when needed. */
  readonly folder: string;
  /** Address its ports listen on. */
  readonly host: string;
  /** Names of its accounts, and what opens each; asked at each login. */
  readonly accounts: () => readonly Account[];
  /** Variables that commands get from the machine. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
};

/** A port of a run, on loopback. */
export type RunPort = ServerAddress & { readonly talksFirst: boolean };

const SSH_PORT = 22;
const ECHO_PORT = 7;
const WEB_PORT = 8080;

/** One run's machine. */
export class RunHost {
  readonly #options: RunHostOptions;
  readonly #servers = new Map<number, Promise<LoopbackServer>>();
  /** Ports opened on command, with the local port they lead to; none for an echo. */
  readonly #opened = new Map<number, number | undefined>();
  #commands = new Commands();
  #hostKeys: Promise<readonly HostKey[]> | undefined;

  constructor(options: RunHostOptions) {
    this.#options = options;
  }

  /** Where the port is; undefined when nothing listens on it. */
  async findPort(port: number): Promise<RunPort | undefined> {
    const { host } = this.#options;
    const elsewhere = this.#opened.get(port);
    if (elsewhere !== undefined) return { host, port: elsewhere, talksFirst: false };
    const start = this.#findStarter(port);
    if (start === undefined) return undefined;
    const server = this.#servers.get(port) ?? start();
    this.#servers.set(port, server);
    try {
      return { host, port: (await server).port, talksFirst: port === SSH_PORT };
    } catch (error) {
      // The next one who asks may have more luck.
      this.#servers.delete(port);
      throw error;
    }
  }

  /** Makes a port answer that did not: with an echo, or with what listens on another port of this machine. */
  openPort(port: number, localPort?: number): void {
    this.#opened.set(port, localPort);
  }

  /** Undoes `openPort`. */
  async closePort(port: number): Promise<void> {
    this.#opened.delete(port);
    const server = this.#servers.get(port);
    this.#servers.delete(port);
    await (await server)?.down();
  }

  /** Ends the machine: connections, processes, listeners. Asked again it starts anew with the same disk. */
  async close(): Promise<void> {
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    this.#commands.close();
    this.#commands = new Commands();
    const started = await Promise.allSettled(servers);
    for (const result of started) if (result.status === "fulfilled") await result.value.down();
  }

  /** The machine is to have other host keys when it is started next. */
  renewHostKeys(): void {
    this.#hostKeys = undefined;
  }

  #findStarter(port: number): (() => Promise<LoopbackServer>) | undefined {
    if (port === SSH_PORT) return () => this.#startSsh();
    if (port === WEB_PORT) return () => this.#listen((socket) => serveWebPage(socket, this.#options.name));
    if (port === ECHO_PORT || this.#opened.has(port)) return () => this.#listen((socket) => socket.pipe(socket));
    return undefined;
  }

  async #startSsh(): Promise<LoopbackServer> {
    const { name, folder, accounts, environment, kind = "machine", log } = this.#options;
    await mkdir(folder, { recursive: true });
    const root = await realpath(folder);
    this.#hostKeys ??= makeHostKeys(name, kind);
    const server = await startSshServer({
      hostName: name,
      kind,
      hostKeys: await this.#hostKeys,
      folder: new RunFolder(
        root,
        accounts().map((account) => account.name),
      ),
      commands: this.#commands,
      passwordsOf: (account) =>
        accounts().flatMap(({ name: known, password }) => (known === account ? [password] : [])),
      findPort: async (host, port) => (isItself(host, name) ? this.findPort(port) : undefined),
      environment,
      log,
    });
    await writeFile(join(root, "etc/bashrc"), `PS1='[\\u@${name} \\W]# '\n`);
    return this.#listen((socket) => server.accept(socket));
  }

  async #listen(serve: (socket: Socket) => void): Promise<LoopbackServer> {
    const server = new LoopbackServer({ host: this.#options.host, port: 0 }, serve);
    await server.up();
    return server;
  }
}

function isItself(host: string, name: string): boolean {
  return host === "localhost" || host === "127.0.0.1" || host === "::1" || host === name;
}

/** A page as small as can be, for tunnels that want to see HTTP. */
function serveWebPage(socket: Socket, name: string): void {
  const page = `<!doctype html><title>${name}</title><h1>${name}</h1><p>This page comes from a run of the sandbox.</p>\n`;
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\nConnection: close\r\n\r\n`;
  once(socket, "data").then(
    () => socket.end(head + page),
    () => socket.destroy(),
  );
  socket.once("end", () => socket.end());
}
