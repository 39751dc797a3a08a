// An established tunnel as EDGE keeps it: no half-close, and a cut after a while without a byte.
import type { Socket } from "node:net";

/** Two sockets that shall be joined, and what must be written to each first. */
export type TunnelEnds = {
  readonly client: Socket;
  readonly firstForClient: Buffer;
  readonly target: Socket;
  readonly firstForTarget: Buffer;
  readonly idleCutMs: number;
};

/** Joins two sockets. When either side ends and what it sent is drained, both are closed. The idle clock starts with the
 * client's first byte: a connection on which the client stays silent is never cut. */
export function joinTunnel(ends: TunnelEnds): void {
  const { client, target } = ends;
  const close = (): void => {
    clearTimeout(timer);
    client.destroy();
    target.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  let lastByteMs = 0;
  const check = (): void => {
    const idleMs = performance.now() - lastByteMs;
    if (idleMs >= ends.idleCutMs) close();
    else timer = setTimeout(check, ends.idleCutMs - idleMs);
  };
  const touch = (fromClient: boolean): void => {
    lastByteMs = performance.now();
    if (fromClient && timer === undefined) timer = setTimeout(check, ends.idleCutMs);
  };
  client.once("close", close);
  target.once("close", close);
  if (client.destroyed || target.destroyed) {
    close();
    return;
  }
  client.write(ends.firstForClient);
  if (ends.firstForTarget.length > 0) {
    target.write(ends.firstForTarget);
    touch(true);
  }
  copy(client, target, () => touch(true), close);
  copy(target, client, () => touch(false), close);
}

function copy(from: Socket, to: Socket, onBytes: () => void, onDrained: () => void): void {
  from.on("data", (chunk: Buffer) => {
    onBytes();
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.once("end", () => to.end(onDrained));
  from.resume();
}
