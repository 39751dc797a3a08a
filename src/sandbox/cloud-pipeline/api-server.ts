// The REST API on a loopback port, over plain HTTP, with the ways in which a real one misbehaves.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { LocalError, UsageError } from "../../domain/errors.ts";
import type { ServerAddress } from "../loopback-server.ts";
import { type Answer, formatError, formatPage } from "./answers.ts";
import { type ApiWorld, answerRequest } from "./rest-api.ts";

/** Ways to misbehave: no answer, a dropped connection, a page of a broken gateway, text that is no JSON, an error in the
 * envelope, a redirect to a login page. */
const API_FAULTS = ["none", "hang", "close", "html502", "garbage", "error", "redirect"] as const;

export type ApiFault = (typeof API_FAULTS)[number];

/** Reads the name of a fault. */
export function parseApiFault(word: string): ApiFault {
  const fault = API_FAULTS.find((known) => known === word);
  if (fault !== undefined) return fault;
  throw new UsageError(`Cannot read API fault "${word}"`, { hint: `Faults are ${API_FAULTS.join(", ")}` });
}

/** Longest request body read; real ones are a few hundred bytes. */
const MAX_BODY_BYTES = 1_048_576;

/** The API server; goes down and comes back on the same port. */
export class ApiServer {
  readonly #world: ApiWorld;
  readonly #host: string;
  #port: number;
  #server: Server | undefined;
  #requestCount = 0;
  /** How the next requests are treated. */
  fault: ApiFault = "none";

  constructor(address: ServerAddress, world: ApiWorld) {
    this.#host = address.host;
    this.#port = address.port;
    this.#world = world;
  }

  /** The base that clients are configured with. */
  get url(): string {
    return `http://${this.#host}:${this.#port}/pipeline/restapi/`;
  }

  /** Requests seen since the start, refused ones included. */
  get requestCount(): number {
    return this.#requestCount;
  }

  /** Starts to listen. Safe to call twice. */
  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => {
        reject(new LocalError(`Cannot listen on ${this.#host} port ${this.#port}`, { cause }));
      });
      server.listen(this.#port, this.#host, () => resolve());
    });
    this.#server = server;
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Stops listening and drops every connection. Safe to call twice. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#requestCount += 1;
    if (this.fault === "hang") return;
    if (this.fault === "close") {
      request.socket.destroy();
      return;
    }
    readBody(request).then(
      (body) => send(response, this.#decideAnswer(request, body)),
      () => request.socket.destroy(),
    );
  }

  #decideAnswer(request: IncomingMessage, body: string): Answer {
    switch (this.fault) {
      case "html502":
        return formatPage(502, "Bad Gateway");
      case "garbage":
        return { status: 200, contentType: "application/json;charset=UTF-8", body: '{"payload": ' };
      case "error":
        return formatError("Your operation has been aborted as we encountered a server problem.");
      case "redirect":
        return formatPage(302, "Found");
      case "none":
      case "hang":
      case "close":
        return answerRequest(this.#world, {
          method: request.method ?? "GET",
          target: request.url ?? "/",
          authorization: request.headers.authorization,
          cookie: request.headers.cookie,
          accept: request.headers.accept,
          body,
        });
    }
  }
}

function send(response: ServerResponse, answer: Answer): void {
  const headers: Record<string, string> = { "Content-Type": answer.contentType };
  if (answer.status === 302) headers["Location"] = "/pipeline/login.html";
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new LocalError("Request body is too large");
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString();
}
