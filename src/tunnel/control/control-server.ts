// The tunnel's side of the control channel.
import { timingSafeEqual } from "node:crypto";
import type { ByteStream } from "../../domain/byte-stream.ts";
import { listenTcp } from "../../streams/tcp-listener.ts";
import { LineReader } from "./control-lines.ts";
import { type ControlReply, type ControlRequest, decodeRequest, encodeReply } from "./control-protocol.ts";

/** Carries out one request; may answer several times. */
export type ControlHandler = (request: ControlRequest, reply: (reply: ControlReply) => void) => void;

/** A listening control channel; whoever started it closes it, and with it the connections of whoever still holds one. */
export type ControlServer = { readonly port: number; close(): void };

/** Listens on a free loopback port. Requests without the token are dropped with the connection. */
export function startControlServer(token: string, handler: ControlHandler): ControlServer {
  const open = new Set<ByteStream>();
  const listener = listenTcp({
    host: "127.0.0.1",
    port: 0,
    onConnection: (stream) => {
      open.add(stream);
      serveControlConnection(stream, token, handler, () => open.delete(stream));
    },
  });
  return {
    port: listener.port,
    close() {
      listener.close();
      // Anybody on this machine may connect and say nothing; a connection left open would keep the process alive.
      for (const stream of open) stream.destroy();
    },
  };
}

function serveControlConnection(
  stream: ByteStream,
  token: string,
  handler: ControlHandler,
  onClosed: () => void,
): void {
  const lines = new LineReader(
    (line) => {
      const asked = decodeRequest(line);
      if (asked === undefined || !isSameToken(asked.token, token)) {
        stream.destroy();
        return;
      }
      handler(asked.request, (reply) => {
        // Replies are far smaller than a socket buffer; a peer that does not read them only harms itself.
        stream.write(Buffer.from(encodeReply(reply)));
      });
    },
    () => stream.destroy(),
  );
  stream.attach({
    onData: (chunk) => lines.push(chunk),
    onDrain: () => undefined,
    onEnd: () => stream.end(),
    onClose: onClosed,
  });
}

function isSameToken(given: string, expected: string): boolean {
  const one = Buffer.from(given);
  const other = Buffer.from(expected);
  return one.length === other.length && timingSafeEqual(one, other);
}
