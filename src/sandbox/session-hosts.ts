// The containers behind the embedded Backend.AI's sessions: one machine each, with the account `work` and its key.
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../domain/log.ts";
import { RunHost } from "./run-host/run-host.ts";

/** What the machines are made from. */
export type SessionHostsOptions = {
  readonly folder: string;
  readonly host: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The line for authorized_keys that belongs to id_container. */
  readonly authorizedKey: () => Promise<string>;
  readonly log: Log;
};

/** A session's app and the port of the machine that plays it: sshd is port 22 there, notebooks are the web page. */
const PORT_OF_APP: Readonly<Record<string, number>> = { sshd: 22, ttyd: 8080, jupyter: 8080, ports: 7 };

const ACCOUNT = "work";

/** Machines of sessions, made when somebody connects. */
export class SessionHosts {
  readonly #options: SessionHostsOptions;
  readonly #hosts = new Map<string, Promise<RunHost>>();

  constructor(options: SessionHostsOptions) {
    this.#options = options;
  }

  /** Where an app of a session listens on loopback; undefined where it does not. */
  async findPort(session: string, app: string): Promise<{ readonly host: string; readonly port: number } | undefined> {
    const port = PORT_OF_APP[app];
    if (port === undefined) return undefined;
    const making = this.#hosts.get(session) ?? this.#make(session);
    this.#hosts.set(session, making);
    return (await making).findPort(port);
  }

  /** Ends a session's machine; the next one of that name is another, with host keys of its own. */
  async end(session: string): Promise<void> {
    const ended = this.#hosts.get(session);
    this.#hosts.delete(session);
    await (await ended)?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.keys()].map((session) => this.end(session)));
  }

  async #make(session: string): Promise<RunHost> {
    const { environment, host, log } = this.#options;
    const folder = join(this.#options.folder, "sessions", `${session}-${randomBytes(4).toString("hex")}`);
    const keyFolder = join(folder, "home", ACCOUNT, ".ssh");
    await mkdir(keyFolder, { recursive: true, mode: 0o700 });
    await writeFile(join(keyFolder, "authorized_keys"), `${await this.#options.authorizedKey()}\n`, { mode: 0o600 });
    const password = randomBytes(12).toString("hex");
    await writeFile(join(folder, "home", ACCOUNT, ".password"), password);
    return new RunHost({
      name: session,
      kind: "container",
      folder,
      host,
      accounts: () => [{ name: ACCOUNT, password }],
      environment,
      log,
    });
  }
}
