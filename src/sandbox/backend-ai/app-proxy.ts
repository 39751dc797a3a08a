// The simulated app proxy: a coordinator that grants circuits and a worker whose TCP ports lead into sessions.
import { randomUUID } from "node:crypto";
import net from "node:net";
import { LoopbackServer } from "../loopback-server.ts";
import { type Answer, json, problem } from "./answers.ts";
import type { ComputeSession } from "./compute-sessions.ts";
import { RequestServer } from "./request-server.ts";
import type { Target } from "./tcp-pipe.ts";

/** What stands behind a port of a session's app; undefined where nothing listens. */
export type FindTarget = (session: ComputeSession, app: string, port: number) => Target;

type Circuit = { readonly session: ComputeSession; readonly app: string; readonly port: number };

/** As many as a small worker has; they run out like real ones. */
const WORKER_PORTS = 3;

/** Coordinator and worker. */
export class AppProxy {
  readonly target: FindTarget;
  readonly #host: string;
  readonly #coordinator: RequestServer;
  readonly #workers: readonly LoopbackServer[];
  readonly #tokens = new Map<string, { readonly session: ComputeSession; readonly port: number }>();
  readonly #circuits = new Map<number, Circuit>();
  readonly #setups = new Map<string, number>();

  constructor(host: string, target: FindTarget) {
    this.target = target;
    this.#host = host;
    this.#coordinator = new RequestServer({ host, port: 0 }, async (request) =>
      this.#answer(request.target, request.headers),
    );
    this.#workers = Array.from({ length: WORKER_PORTS }, () => {
      const server: LoopbackServer = new LoopbackServer({ host, port: 0 }, (socket) =>
        this.#serve(server.port, socket),
      );
      return server;
    });
  }

  get url(): string {
    return this.#coordinator.url;
  }

  async up(): Promise<void> {
    await Promise.all([this.#coordinator.up(), ...this.#workers.map((worker) => worker.up())]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#coordinator.close(), ...this.#workers.map((worker) => worker.down())]);
  }

  /** The manager registers a session's port and hands the token out. */
  conf(session: ComputeSession, port: number): string {
    const token = randomUUID();
    this.#tokens.set(token, { session, port });
    return token;
  }

  #answer(target: string, headers: Readonly<Record<string, string | undefined>>): Answer {
    const url = new URL(target, this.url);
    if (url.pathname === "/status") return json({ api_version: "v2", advertise_address: this.url });
    if (url.pathname === "/setup") return this.#setup(url.searchParams.get("token") ?? "");
    const add = /^\/v2\/proxy\/([^/]+)\/([^/]+)\/add$/.exec(url.pathname);
    if (add !== null) return this.#add(url, add[1] ?? "", add[2] ?? "");
    if (url.pathname === "/v2/proxy/auth") return this.#authorise(url, headers);
    return problem({ status: 404, type: "generic-not-found", title: "Unknown URL path." });
  }

  #add(url: URL, token: string, sessionId: string): Answer {
    const query = new URLSearchParams(url.searchParams);
    query.set("token", token);
    query.set("session_id", sessionId);
    return json({ code: 200, url: `${this.url}/v2/proxy/auth?${query}` });
  }

  #authorise(url: URL, headers: Readonly<Record<string, string | undefined>>): Answer {
    const query = url.searchParams;
    const known = this.#tokens.get(query.get("token") ?? "");
    if (known === undefined)
      return problem({ status: 404, type: "object-not-found", title: "E20001: Object not found" });
    if (known.session.id !== query.get("session_id")) {
      return problem({ status: 401, type: "auth-failed", title: "E20007: Session ID mismatch" });
    }
    const port = this.#findPort({ ...known, app: query.get("app") ?? "" }, query.get("port"));
    if (typeof port !== "number") return port;
    const token = randomUUID();
    this.#setups.set(token, port);
    const redirect = `${this.url}/setup?token=${token}`;
    if (headers["accept"]?.includes("application/json") === true) return json({ redirect_url: redirect, reuse: false });
    return { status: 308, headers: { Location: redirect }, body: "" };
  }

  #findPort(circuit: Circuit, preferred: string | null): number | Answer {
    for (const [port, known] of this.#circuits) {
      if (known.session.id === circuit.session.id && known.app === circuit.app) return port;
    }
    const free = this.#workers.map((worker) => worker.port).filter((port) => !this.#circuits.has(port));
    if (preferred !== null && !free.includes(Number(preferred))) {
      return problem({ status: 409, type: "appproxy/port-not-available", title: "Requested port is not available." });
    }
    const port = preferred === null ? free[0] : Number(preferred);
    if (port === undefined) {
      return problem({ status: 503, type: "appproxy/worker-not-available", title: "Proxy worker not available." });
    }
    this.#circuits.set(port, circuit);
    return port;
  }

  #setup(token: string): Answer {
    const port = this.#setups.get(token);
    if (port === undefined) return problem({ status: 401, type: "auth-failed", title: "E20008: Authorization failed" });
    const gateway = encodeURIComponent(`tcp://${this.#host}:${port}`);
    const address = `http://localhost:45678/start?directTCP=true&auth=${token}&proto=tcp&gateway=${gateway}`;
    return json({ redirect: address, redirectURI: address });
  }

  /** A port without a circuit accepts and ends; an upstream's end is not passed on until the client writes or ends. */
  async #serve(port: number, socket: net.Socket): Promise<void> {
    const circuit = this.#circuits.get(port);
    const target = circuit && (await this.target(circuit.session, circuit.app, circuit.port));
    if (target === undefined) {
      socket.end();
      return;
    }
    const upstream = net.connect({ host: target.host, port: target.port, noDelay: true, allowHalfOpen: true });
    upstream.on("error", () => socket.destroy());
    upstream.pipe(socket, { end: false });
    socket.on("data", (chunk) => {
      if (upstream.readableEnded) socket.destroy();
      else if (!upstream.write(chunk)) socket.pause();
    });
    upstream.on("drain", () => socket.resume());
    upstream.on("end", () => {
      if (socket.readableEnded) socket.end();
    });
    socket.on("end", () => {
      upstream.end();
      if (upstream.readableEnded) socket.end();
    });
    socket.on("close", () => upstream.destroy());
  }
}
