// What answers behind EDGE's port to a client that speaks TLS: the platform's web server, which knows no CONNECT.
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { makeSelfSignedCertificate } from "./self-signed-certificate.ts";

const PAGE =
  "<!doctype html><title>Cloud Pipeline</title><h1>Cloud Pipeline</h1><p>The web side of the sandbox's EDGE.</p>\n";

/** The TLS web server; made when the first client says hello. */
export class WebFront {
  readonly #host: string;
  readonly #now: () => number;
  readonly #sockets = new Set<Socket>();
  #server: Promise<tls.Server> | undefined;

  constructor(host: string, now: () => number) {
    this.#host = host;
    this.#now = now;
  }

  /** Takes a connection over, with the bytes already read from it. */
  serve(client: Socket, firstBytes: Buffer): void {
    this.#server ??= this.#start();
    this.#server.then(
      (server) => this.#join(client, firstBytes, server),
      () => client.destroy(),
    );
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    const server = await this.#server?.catch(() => undefined);
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #start(): Promise<tls.Server> {
    const server = tls.createServer(makeSelfSignedCertificate("edge.sandbox", this.#now()), (socket) => {
      this.#remember(socket);
      socket.once("data", (data: Buffer) => socket.end(formatResponse(data.toString("latin1"))));
    });
    server.on("tlsClientError", () => {});
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, this.#host, () => resolve(server));
    });
  }

  #join(client: Socket, firstBytes: Buffer, server: tls.Server): void {
    const address = server.address();
    if (typeof address !== "object" || address === null) {
      client.destroy();
      return;
    }
    const upstream = net.connect({ host: this.#host, port: address.port, noDelay: true });
    this.#remember(upstream);
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => client.destroy());
    upstream.write(firstBytes);
    client.pipe(upstream).pipe(client);
  }

  #remember(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function formatResponse(request: string): string {
  const status = /^(?:GET|HEAD|POST) \S+ HTTP\/1\./.test(request) ? "200 OK" : "400 Bad Request";
  return `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\nConnection: close\r\n\r\n${PAGE}`;
}
