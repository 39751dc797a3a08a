// EDGE: the plain-text CONNECT proxy in front of the runs, with its replies, its access check and its faults.
import net, { type Socket } from "node:net";
import { formatEndpoint } from "../../domain/endpoint.ts";
import { errorMessage } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import { LoopbackServer, type ServerAddress } from "../loopback-server.ts";
import type { EdgeVerdict } from "./edge-authorization.ts";
import type { EdgeFault } from "./edge-faults.ts";
import { ESTABLISHED, formatRefusal, type RefusalStatus } from "./edge-replies.ts";
import { type EdgeRequest, parseEdgeRequest, type RequestHead, splitHead } from "./edge-request.ts";
import { joinTunnel } from "./edge-tunnel.ts";

/** A port behind EDGE. */
export type EdgeTarget = ServerAddress & {
  /** Whether it sends the first byte, as SSH does; its first bytes then travel with the 200. */
  readonly talksFirst: boolean;
};

/** What an EDGE needs. */
export type EdgeOptions = {
  readonly address: ServerAddress;
  readonly log: Log;
  readonly idleCutMs: number;
  /** Milliseconds since 1970, for the Date header. */
  readonly now: () => number;
  readonly authorize: (header: string | undefined, host: string) => EdgeVerdict;
  /** Where a host and port of the cluster really are; undefined: refused or not resolvable. */
  readonly resolve: (host: string, port: number) => Promise<EdgeTarget | undefined>;
  /** Takes connections that begin with a TLS ClientHello. */
  readonly serveTls: (socket: Socket, firstBytes: Buffer) => void;
};

/** As nginx: four buffers of 8 KB for the head. */
const MAX_HEAD_BYTES = 32_768;

/** As nginx's client_header_timeout. */
const HEAD_TIMEOUT_MS = 60_000;

/** How long the 200 waits for the first bytes of a target that talks first: long enough for a server in this process,
 * too short for anybody to notice. */
const GLUE_WAIT_MS = 20;

/** How long a refused client may take to close its side. */
const LINGER_MS = 5000;

const TLS_HANDSHAKE_RECORD = 0x16;

/** One EDGE. */
export class Edge {
  readonly #options: EdgeOptions;
  readonly #server: LoopbackServer;
  /** How the next requests are treated. */
  fault: EdgeFault = { kind: "none" };

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#server = new LoopbackServer(options.address, (socket) => this.#serve(socket));
  }

  get port(): number {
    return this.#server.port;
  }

  /** Connections open now, established or not. */
  get connectionCount(): number {
    return this.#server.connectionCount;
  }

  up(): Promise<void> {
    return this.#server.up();
  }

  down(): Promise<void> {
    return this.#server.down();
  }

  /** Drops all connections, as a restart of the proxy does. */
  dropConnections(): void {
    this.#server.dropConnections();
  }

  #serve(client: Socket): void {
    this.#converse(client).catch((error: unknown) => {
      this.#options.log.debug("EDGE dropped a connection", { reason: errorMessage(error) });
      client.destroy();
    });
  }

  async #converse(client: Socket): Promise<void> {
    const head = await readHead(client, this.#options.serveTls);
    if (head === "handed-over") return;
    if (head === "too-long") return this.#refuse(client, 400);
    const request = parseEdgeRequest(head.head);
    if (request.kind === "refuse") return this.#refuse(client, request.status);
    if (misbehaveBeforehand(client, this.fault)) return;
    if (this.fault.kind === "status") return this.#refuse(client, this.fault.status);
    const verdict = this.#options.authorize(request.proxyAuthorization, request.host);
    if (verdict !== "allow") return this.#refuse(client, verdict);
    await this.#connect(client, request, head.rest);
  }

  async #connect(client: Socket, request: EdgeRequest & { kind: "connect" }, firstForTarget: Buffer): Promise<void> {
    const place = await this.#options.resolve(request.host, request.port);
    const target = place === undefined ? undefined : await dial(place);
    if (target === undefined || place === undefined) return this.#refuse(client, 502);
    if (client.destroyed) {
      target.destroy();
      return;
    }
    client.once("close", () => target.destroy());
    const { fault } = this;
    const glued = fault.kind === "glued" || (place.talksFirst && fault.kind !== "apart");
    const early = glued ? await readFirstBytes(target) : Buffer.alloc(0);
    const firstForClient = await misbehaveMeanwhile(client, Buffer.concat([Buffer.from(ESTABLISHED), early]), fault);
    this.#options.log.debug("EDGE tunnel established", { target: formatEndpoint(request) });
    joinTunnel({ client, firstForClient, target, firstForTarget, idleCutMs: this.#options.idleCutMs });
  }

  #refuse(client: Socket, status: RefusalStatus): void {
    this.#options.log.debug("EDGE refused a connection", { status });
    client.end(formatRefusal(status, new Date(this.#options.now())));
    client.setTimeout(LINGER_MS, () => client.destroy());
    client.resume();
  }
}

/** Reads up to the blank line. The socket is left paused; what followed is in `rest`. */
function readHead(
  client: Socket,
  serveTls: (socket: Socket, firstBytes: Buffer) => void,
): Promise<RequestHead | "too-long" | "handed-over"> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const finish = (result: RequestHead | "too-long" | "handed-over"): void => {
      clearTimeout(timer);
      client.pause();
      client.off("data", onData).off("end", onEnd).off("close", onEnd);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes[0] === TLS_HANDSHAKE_RECORD) {
        finish("handed-over");
        serveTls(client, bytes);
        return;
      }
      const head = splitHead(bytes);
      if (head !== undefined) finish(head);
      else if (bytes.length > MAX_HEAD_BYTES) finish("too-long");
    };
    const onEnd = (): void => {
      clearTimeout(timer);
      reject(new Error("The client went away before its request was complete"));
    };
    const timer = setTimeout(() => reject(new Error("The client sent no request")), HEAD_TIMEOUT_MS);
    client.on("data", onData).once("end", onEnd).once("close", onEnd);
  });
}

/** Carries out the faults that need no target. Returns false when there is none. */
function misbehaveBeforehand(client: Socket, fault: EdgeFault): boolean {
  switch (fault.kind) {
    case "mute":
      client.once("end", () => client.destroy()).resume();
      return true;
    case "close":
      client.end();
      client.resume();
      return true;
    case "reset":
      client.resetAndDestroy();
      return true;
    case "garbage":
      client.end(Buffer.from([0, 0xff, 0xfe, 0x0a, 0x53, 0x53, 0x48, 0x0d, 0x0a, 0x0d, 0x0a]));
      client.resume();
      return true;
    case "endless":
      sendEndlessly(client);
      return true;
    case "none":
    case "status":
    case "slow":
    case "split":
    case "late":
    case "glued":
    case "apart":
      return false;
  }
}

/** A status line and headers for as long as anybody reads. */
function sendEndlessly(client: Socket): void {
  client.once("end", () => client.destroy()).resume();
  client.write("HTTP/1.1 200 Connection Established\r\n");
  const lines = Buffer.from(`X-Padding: ${"x".repeat(1000)}\r\n`.repeat(16));
  const send = (): void => {
    while (client.writable && client.write(lines));
  };
  client.on("drain", send);
  send();
}

function dial(place: ServerAddress): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const target = net.connect({ host: place.host, port: place.port, allowHalfOpen: true, noDelay: true });
    target.once("connect", () => resolve(target));
    target.on("error", () => {
      target.destroy();
      resolve(undefined);
    });
  });
}

/** What the target says at once, if it says anything. */
function readFirstBytes(target: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const finish = (bytes: Buffer): void => {
      clearTimeout(timer);
      target.off("data", finish);
      target.pause();
      resolve(bytes);
    };
    const timer = setTimeout(() => finish(Buffer.alloc(0)), GLUE_WAIT_MS);
    target.once("data", finish);
  });
}

/** Carries out the faults of the reply itself; returns what of it is still to be sent. */
async function misbehaveMeanwhile(client: Socket, reply: Buffer, fault: EdgeFault): Promise<Buffer> {
  if (fault.kind === "late") await pause(fault.delayMs);
  if (fault.kind === "slow") {
    for (const byte of reply) {
      client.write(Buffer.from([byte]));
      await pause(fault.pauseMs);
    }
    return Buffer.alloc(0);
  }
  if (fault.kind !== "split") return reply;
  client.write(reply.subarray(0, fault.at));
  await pause(GLUE_WAIT_MS);
  return reply.subarray(fault.at);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
