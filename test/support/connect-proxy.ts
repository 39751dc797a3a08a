// An HTTP proxy for CONNECT, written apart from our client, which can misbehave on request.
import net from "node:net";
import { startServer, type TestServer } from "./echo-server.ts";

/** What a client asked for. */
export type ConnectRequest = { readonly line: string; readonly head: string };

/** How the proxy answers. */
export type ConnectProxyOptions = {
  /** Sent instead of connecting; the connection is ended behind it unless `keepOpen`. */
  readonly reply?: (request: ConnectRequest) => string | Uint8Array | undefined;
  readonly keepOpen?: boolean;
  /** The head of a success. */
  readonly success?: string;
  /** Cuts what the client is sent into single bytes, each its own segment, up to so many. */
  readonly sliceBytes?: number;
  /** Like EDGE: when either side ends, both are closed. */
  readonly cutsBothWays?: boolean;
};

/** A running proxy and what it was asked. */
export type ConnectProxy = TestServer & { readonly requests: readonly ConnectRequest[] };

const SUCCESS = "HTTP/1.1 200 Connection Established\r\nProxy-agent: nginx\r\n\r\n";

/** Starts the proxy on a free port. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const requests: ConnectRequest[] = [];
  const server = await startServer((client) => {
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", onData);
      client.pause();
      const head = received.subarray(0, end).toString("latin1");
      const request = { line: head.split("\r\n")[0] ?? "", head };
      requests.push(request);
      serve(client, request, received.subarray(end + 4), options);
    };
    client.on("data", onData);
  });
  return Object.assign(server, { requests });
}

function serve(client: net.Socket, request: ConnectRequest, early: Buffer, options: ConnectProxyOptions): void {
  const reply = options.reply?.(request);
  if (reply !== undefined) {
    client.resume();
    client.on("end", () => client.end());
    if (options.keepOpen === true) client.write(reply);
    else client.end(reply);
    return;
  }
  const match = /^CONNECT (\S+):(\d+) HTTP\/1\.[01]$/.exec(request.line);
  if (match === null) {
    client.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    return;
  }
  const target = net.connect({ host: match[1] ?? "", port: Number(match[2]), allowHalfOpen: true, noDelay: true });
  let isOpen = false;
  client.on("close", () => target.destroy());
  target.on("error", () => {
    if (isOpen) client.resetAndDestroy();
    else client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>502</html>");
  });
  target.on("connect", () => {
    isOpen = true;
    target.write(early);
    void join(client, target, options);
  });
}

async function join(client: net.Socket, target: net.Socket, options: ConnectProxyOptions): Promise<void> {
  await writeSliced(client, Buffer.from(options.success ?? SUCCESS), options.sliceBytes ?? 0);
  const isCutting = options.cutsBothWays === true;
  client.pipe(target, { end: !isCutting });
  target.pipe(client, { end: !isCutting });
  if (!isCutting) return;
  for (const side of [client, target]) {
    side.on("end", () => {
      client.destroySoon();
      target.destroySoon();
    });
  }
}

async function writeSliced(socket: net.Socket, bytes: Buffer, sliceBytes: number): Promise<void> {
  let sent = 0;
  for (; sent < Math.min(sliceBytes, bytes.length); sent += 1) {
    await new Promise<void>((resolve) => socket.write(bytes.subarray(sent, sent + 1), () => resolve()));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (sent < bytes.length) socket.write(bytes.subarray(sent));
}
