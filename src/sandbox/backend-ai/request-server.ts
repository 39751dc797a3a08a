// An HTTP server on loopback that hands requests over raw, target untouched, and upgrades to whoever wants them.
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { LocalError } from "../../domain/errors.ts";
import type { ServerAddress } from "../loopback-server.ts";
import type { Answer } from "./answers.ts";
import type { RawRequest } from "./authentication.ts";

/** A request with its body. */
export type ReceivedRequest = RawRequest & { readonly body: string };

/** What to do with a request for an upgrade. */
export type UpgradeAnswer =
  | { readonly kind: "refused"; readonly answer: Answer }
  | { readonly kind: "granted"; readonly take: (socket: WebSocket) => void }
  /** No answer at all, or a connection reset. */
  | { readonly kind: "silence" }
  | { readonly kind: "reset" };

/** Longest request body read. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The server; knows nothing of platforms. */
export class RequestServer {
  readonly #host: string;
  readonly #answer: (request: ReceivedRequest) => Promise<Answer>;
  readonly #upgrade: ((request: RawRequest) => UpgradeAnswer) | undefined;
  readonly #webSockets: WebSocketServer;
  readonly #open = new Set<Duplex>();
  #server: Server | undefined;
  #port: number;

  constructor(
    address: ServerAddress,
    answer: (request: ReceivedRequest) => Promise<Answer>,
    upgrade?: { readonly decide: (request: RawRequest) => UpgradeAnswer; readonly maxMessageBytes: number },
  ) {
    this.#host = address.host;
    this.#port = address.port;
    this.#answer = answer;
    this.#upgrade = upgrade?.decide;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      autoPong: false,
      ...(upgrade === undefined ? {} : { maxPayload: upgrade.maxMessageBytes }),
    });
  }

  get url(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  /** Starts to listen; the port stays the same after `close()`. Safe to call twice. */
  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on("upgrade", (request, socket, head) => this.#serveUpgrade(request, socket, head));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(new LocalError(`Cannot listen on ${this.#host} port ${this.#port}`, { cause })),
      );
      server.listen(this.#port, this.#host, () => resolve());
    });
    this.#server = server;
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Drops every WebSocket, as a crash of the server does. */
  dropStreams(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  /** Stops listening and drops every connection. Safe to call twice. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.dropStreams();
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const answer = await this.#answer({ ...rawRequest(request), body });
    response.writeHead(answer.status, { ...answer.headers, "Content-Length": Buffer.byteLength(answer.body) });
    response.end(answer.body);
  }

  #serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    const answer: UpgradeAnswer = this.#upgrade?.(rawRequest(request)) ?? { kind: "reset" };
    switch (answer.kind) {
      case "silence":
        return;
      case "reset":
        socket.destroy();
        return;
      case "refused":
        socket.end(renderAnswer(answer.answer));
        return;
      case "granted":
        this.#webSockets.handleUpgrade(request, socket, head, (ws) => answer.take(ws));
    }
  }
}

function rawRequest(request: IncomingMessage): RawRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { method: request.method ?? "GET", target: request.url ?? "/", headers };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function renderAnswer({ status, headers, body }: Answer): string {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...lines,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
    "",
    text,
  ].join("\r\n");
}
