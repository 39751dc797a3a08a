// An embedded Backend.AI on loopback: manager, web UI and app proxy, with sessions behind which the caller puts services.
import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";
import { UsageError } from "../../domain/errors.ts";
import { type Answer, BAD_GATEWAY, json, problem, UNAUTHORIZED } from "./answers.ts";
import { AppProxy } from "./app-proxy.ts";
import { authenticate, type RawRequest, type SandboxKeyPair } from "./authentication.ts";
import { ComputeSessions } from "./compute-sessions.ts";
import { answerManagerCall, type ManagerWorld } from "./manager-api.ts";
import { findRelease, type Release } from "./releases.ts";
import { type ReceivedRequest, RequestServer, type UpgradeAnswer } from "./request-server.ts";
import { generateSessionKeys, type SessionKeyPair } from "./session-keys.ts";
import { decideStream, type StreamWorld, type UpgradeFault } from "./stream-calls.ts";
import type { PipeFault, Target } from "./tcp-pipe.ts";
import { WebLogins } from "./web-logins.ts";

/** What to simulate. */
export type BackendAiSandboxOptions = {
  /** What stands behind a port of a session's app; undefined: nothing listens there. */
  readonly target: (session: string, app: string, port: number) => Target;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Port of the manager; default: a free one. */
  readonly port?: number;
  /** Number of the simulated release, such as 24.09.14; default: the newest. */
  readonly release?: string;
  /** Key pair of the account; default: a new RSA key. */
  readonly keys?: SessionKeyPair;
};

/** How the servers misbehave; may be changed at any time. */
export type BackendAiFaults = {
  upgrade: UpgradeFault;
  pipe: PipeFault;
  /** How far the servers' clock is ahead of ours. */
  clockOffsetMs: number;
  /** Whether the resource group has an app proxy. */
  hasAppProxy: boolean;
  /** What comes before the key in id_container. */
  keyJunk: string;
};

/** A running sandbox. */
export interface BackendAiSandbox {
  /** What a user must export. */
  readonly environment: Readonly<Record<string, string>>;
  /** The same for the way through the web UI. */
  readonly webEnvironment: Readonly<Record<string, string>>;
  readonly managerUrl: string;
  readonly webUrl: string;
  readonly sessions: ComputeSessions;
  readonly logins: WebLogins;
  readonly faults: BackendAiFaults;
  /** Switches to another simulated release. Throws UsageError for one that is not known. */
  setRelease(manager: string): void;
  /** Ends streams of a session as its end does, and sets its status. */
  endSession(name: string): void;
  /** Drops every open stream as a crash of the manager does. */
  dropStreams(): void;
  /** Stops and starts the manager and the web UI on the same ports. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** The line for authorized_keys that belongs to id_container. */
  authorizedKey(): Promise<string>;
  close(): Promise<void>;
}

/** Starts all servers. */
export async function startBackendAiSandbox(options: BackendAiSandboxOptions): Promise<BackendAiSandbox> {
  const sandbox = new EmbeddedBackendAi(options);
  await sandbox.open();
  return sandbox;
}

/** Largest message that each hop takes. */
const MANAGER_MESSAGE_BYTES = 16 * 1024 * 1024;
const WEB_MESSAGE_BYTES = 4 * 1024 * 1024;

const USER = "user@sandbox.invalid";

class EmbeddedBackendAi implements BackendAiSandbox {
  readonly faults: BackendAiFaults = {
    upgrade: "none",
    pipe: "none",
    clockOffsetMs: 0,
    hasAppProxy: true,
    keyJunk: "",
  };
  readonly sessions: ComputeSessions;
  readonly logins: WebLogins;
  readonly #keyPairs: readonly [SandboxKeyPair, SandboxKeyPair] = [makeKeyPair(), makeKeyPair()];
  readonly #password = randomBytes(8).toString("hex");
  readonly #appProxy: AppProxy;
  readonly #manager: RequestServer;
  readonly #web: RequestServer;
  readonly #world: ManagerWorld;
  readonly #streams = new Map<WebSocket, string>();
  #release: Release;
  #keys: Promise<SessionKeyPair> | undefined;

  constructor(options: BackendAiSandboxOptions) {
    this.#release = getRelease(options.release);
    this.#keys = options.keys === undefined ? undefined : Promise.resolve(options.keys);
    const host = options.host ?? "127.0.0.1";
    const [first, second] = this.#keyPairs;
    this.sessions = new ComputeSessions([first.accessKey, second.accessKey], () => this.#release);
    this.logins = new WebLogins(
      { user: USER, password: this.#password, accessKey: first.accessKey },
      () => this.#release,
    );
    this.#appProxy = new AppProxy(host, (session, app, port) => options.target(session.name, app, port));
    this.#world = this.#makeWorld();
    this.#manager = new RequestServer({ host, port: options.port ?? 0 }, (request) => this.#answerManager(request), {
      decide: (request) => this.#decideManagerStream(request),
      maxMessageBytes: MANAGER_MESSAGE_BYTES,
    });
    this.#web = new RequestServer({ host, port: 0 }, (request) => this.#answerWeb(request), {
      decide: (request) => this.#decideWebStream(request),
      maxMessageBytes: WEB_MESSAGE_BYTES,
    });
  }

  get managerUrl(): string {
    return this.#manager.url;
  }

  get webUrl(): string {
    return this.#web.url;
  }

  get environment(): Readonly<Record<string, string>> {
    const [{ accessKey, secretKey }] = this.#keyPairs;
    return { BACKEND_ENDPOINT: this.managerUrl, BACKEND_ACCESS_KEY: accessKey, BACKEND_SECRET_KEY: secretKey };
  }

  get webEnvironment(): Readonly<Record<string, string>> {
    return {
      BACKEND_ENDPOINT: this.webUrl,
      BACKEND_ENDPOINT_TYPE: "session",
      BACKEND_USER: USER,
      BACKEND_PASSWORD: this.#password,
    };
  }

  async open(): Promise<void> {
    await Promise.all([this.#appProxy.up(), this.up()]);
  }

  async up(): Promise<void> {
    await Promise.all([this.#manager.up(), this.#web.up()]);
  }

  async down(): Promise<void> {
    await Promise.all([this.#manager.close(), this.#web.close()]);
  }

  async close(): Promise<void> {
    await Promise.all([this.down(), this.#appProxy.close()]);
  }

  setRelease(manager: string): void {
    this.#release = getRelease(manager);
  }

  endSession(name: string): void {
    const { id } = this.sessions.get(name);
    this.sessions.setStatus(name, "TERMINATED");
    for (const [socket, session] of this.#streams) if (session === id) socket.close(1001);
  }

  dropStreams(): void {
    for (const socket of this.#streams.keys()) socket.terminate();
  }

  async authorizedKey(): Promise<string> {
    return (await this.#world.keys.get()).publicKey;
  }

  #makeWorld(): ManagerWorld {
    const get = (): Promise<SessionKeyPair> => {
      this.#keys ??= generateSessionKeys();
      return this.#keys;
    };
    return {
      sessions: this.sessions,
      release: () => this.#release,
      appProxy: this.#appProxy,
      hasAppProxy: () => this.faults.hasAppProxy,
      keyJunk: () => this.faults.keyJunk,
      keys: {
        get,
        set: (pair) => {
          this.#keys = Promise.resolve(pair);
        },
        renew: () => {
          this.#keys = undefined;
          return get();
        },
      },
    };
  }

  get #streamWorld(): StreamWorld {
    return {
      sessions: this.sessions,
      release: () => this.#release,
      target: this.#appProxy.target,
      upgradeFault: () => this.faults.upgrade,
      pipeFault: () => this.faults.pipe,
      opened: (session, socket) => {
        this.#streams.set(socket, session.id);
        socket.on("close", () => this.#streams.delete(socket));
      },
    };
  }

  async #answerManager(request: ReceivedRequest): Promise<Answer> {
    if (pathOf(request.target) === "/") return this.#dated(this.#versionDocument());
    const caller = authenticate(request, this.#keyPairs, this.#now(), this.#release);
    if (caller.kind === "refused") return this.#dated(problem(caller.problem, this.#release.hasErrorCodes));
    return this.#dated(await this.#call(request, request.target, caller.accessKey));
  }

  async #answerWeb(request: ReceivedRequest): Promise<Answer> {
    const path = pathOf(request.target);
    if (path.startsWith("/server/"))
      return this.#dated(this.logins.answer(path, request.headers, request.body, "http"));
    if (path === "/func/" || path === "/func") return this.#dated(this.#versionDocument());
    if (!path.startsWith("/func/")) return this.#dated(webPage());
    const accessKey = this.logins.findAccessKey(request.headers);
    if (accessKey === undefined) return this.#dated(problem(UNAUTHORIZED, this.#release.hasErrorCodes));
    return this.#dated(await this.#call(request, request.target.slice("/func".length), accessKey));
  }

  #call({ method, body }: ReceivedRequest, target: string, accessKey: string): Promise<Answer> {
    const { pathname, searchParams } = new URL(target, "http://sandbox.invalid");
    return answerManagerCall({ method, path: pathname, query: searchParams, body, accessKey }, this.#world);
  }

  #decideManagerStream(request: RawRequest): UpgradeAnswer {
    const caller = authenticate(request, this.#keyPairs, this.#now(), this.#release);
    if (caller.kind === "known") return decideStream(request.target, caller.accessKey, this.#streamWorld, false);
    return { kind: "refused", answer: this.#dated(problem(caller.problem, this.#release.hasErrorCodes)) };
  }

  /** The web UI turns every refusal of the manager into one answer, and does not pass on that the manager has closed. */
  #decideWebStream(request: RawRequest): UpgradeAnswer {
    const accessKey = this.logins.findAccessKey(request.headers);
    if (accessKey === undefined) return { kind: "refused", answer: this.#dated(problem(UNAUTHORIZED)) };
    const answer = decideStream(request.target.replace(/^\/func/, ""), accessKey, this.#streamWorld, true);
    return answer.kind === "refused" ? { kind: "refused", answer: this.#dated(problem(BAD_GATEWAY)) } : answer;
  }

  #versionDocument(): Answer {
    return json({ version: this.#release.apiVersion, manager: this.#release.manager });
  }

  #now(): number {
    return Date.now() + this.faults.clockOffsetMs;
  }

  #dated(answer: Answer): Answer {
    return { ...answer, headers: { ...answer.headers, Date: new Date(this.#now()).toUTCString() } };
  }
}

function pathOf(target: string): string {
  return target.replace(/\?.*$/s, "");
}

function getRelease(manager: string | undefined): Release {
  const release = findRelease(manager);
  if (release === undefined) throw new UsageError(`The sandbox does not know Backend.AI ${manager}`);
  return release;
}

function makeKeyPair(): SandboxKeyPair {
  return {
    accessKey: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretKey: randomBytes(30).toString("base64"),
  };
}

function webPage(): Answer {
  const body = "<!doctype html><html><head><title>Backend.AI</title></head><body></body></html>";
  return { status: 200, headers: { "Content-Type": "text/html" }, body };
}
