// Opens TCP sockets so that giving up closes them at once.
//
// The runtime's own connect cannot be cancelled: its socket would stay until the kernel gives up, two minutes later. A
// socket of node:net can be destroyed while it connects, so connecting is done with one.
import net from "node:net";

/** Pause before the next address is tried beside a silent one (RFC 8305, section 5, recommends 250 ms). */
const NEXT_ADDRESS_MS = 250;

/** Connects to the first address that answers and hands the socket to `take` in the very turn it opens, before any byte
 * can arrive. Rejects with the last system error, or with the signal's reason; either way nothing stays open. */
export function openSocket<T>(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
  take: (socket: net.Socket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const waiting = [...addresses];
    const attempts = new Set<net.Socket>();
    let timer: ReturnType<typeof setTimeout> | undefined;

    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      waiting.length = 0;
      for (const socket of attempts) socket.destroy();
      attempts.clear();
    };
    const onAbort = (): void => {
      settle();
      reject(signal.reason);
    };
    const tryNext = (): void => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) return;
      const socket = new net.Socket({ allowHalfOpen: true });
      attempts.add(socket);
      socket.on("error", (error) => {
        if (!attempts.delete(socket)) return;
        if (waiting.length > 0) tryNext();
        else if (attempts.size === 0) {
          settle();
          reject(error);
        }
      });
      socket.once("connect", () => {
        if (!attempts.delete(socket)) return;
        settle();
        resolve(take(socket));
      });
      socket.connect({ host: address, port, autoSelectFamily: false });
      if (waiting.length > 0) timer = setTimeout(tryNext, NEXT_ADDRESS_MS);
    };

    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else tryNext();
  });
}
