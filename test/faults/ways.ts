// The four ways to a run with a fault relay in each of them, and a client that remembers what it saw.
import { once } from "node:events";
import net from "node:net";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { Secret } from "../../src/domain/secret.ts";
import { type Relay, startRelay } from "../../src/relay/relay.ts";
import { direct } from "../../src/transports/direct/direct.ts";
import { httpConnect } from "../../src/transports/http-connect/http-connect.ts";
import { sshJump } from "../../src/transports/ssh-jump/ssh-jump.ts";
import type { Dialer } from "../../src/transports/transport.ts";
import { websocket } from "../../src/transports/websocket/websocket.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { type FaultRelay, startFaultRelay, writeOrGone } from "../support/fault-relay.ts";
import { hasSshServer, startSshServer } from "../support/ssh-jump-server.ts";
import { startWebSocketRelay } from "../support/websocket-relay.ts";

/** Dials give up after this; long enough for a busy machine to shake hands. */
export const DIAL_MS = 2000;

/** A transport with a fault relay on its way. `front` is absent for the direct way until a target is known. */
export type Way = {
  readonly name: "direct" | "http-connect" | "websocket" | "ssh-jump";
  readonly isAvailable: boolean;
  /** Whether a connection that only ends may have lost nothing: plain TCP cannot tell, nor a WebSocket between two messages. */
  readonly endIsClean: boolean;
  open(targetPort: number): Promise<OpenWay>;
};

/** A way with a tunnel at its near end. */
export type OpenWay = AsyncDisposable & {
  readonly front: FaultRelay;
  readonly relay: Relay;
  readonly port: number;
};

async function openWay(
  front: FaultRelay,
  dialer: Dialer,
  remotePort: number,
  stop: () => Promise<void>,
): Promise<OpenWay> {
  const relay = startRelay({
    listenAddress: "127.0.0.1",
    ports: [{ local: 0, remote: remotePort }],
    dial: (port, signal) => dialer.dial(port, { signal, timeoutMs: DIAL_MS }),
    log: SILENT_LOG,
  });
  return {
    front,
    relay,
    port: relay.ports[0]?.local ?? 0,
    [Symbol.asyncDispose]: async () => {
      relay.close();
      dialer.close();
      await front.close();
      await stop();
    },
  };
}

/** Every way. */
export const WAYS: readonly Way[] = [
  {
    name: "direct",
    isAvailable: true,
    endIsClean: true,
    open: async (targetPort) => {
      const front = await startFaultRelay(targetPort);
      const dialer = direct.open({ transport: "direct", host: "127.0.0.1" }, SILENT_LOG);
      return openWay(front, dialer, front.port, async () => undefined);
    },
  },
  {
    name: "http-connect",
    isAvailable: true,
    endIsClean: true,
    open: async (targetPort) => {
      const proxy = await startConnectProxy();
      const front = await startFaultRelay(proxy.port);
      const via = { url: `http://127.0.0.1:${front.port}` };
      const dialer = httpConnect.open({ transport: "http-connect", host: "127.0.0.1", via }, SILENT_LOG);
      return openWay(front, dialer, targetPort, () => proxy.close());
    },
  },
  {
    name: "websocket",
    isAvailable: true,
    endIsClean: true,
    open: async (targetPort) => {
      const far = await startWebSocketRelay();
      const front = await startFaultRelay(Number(new URL(far.url.replace("{port}", "1")).port));
      const via = { url: `ws://127.0.0.1:${front.port}/{port}` };
      const dialer = websocket.open({ transport: "websocket", host: "127.0.0.1", via }, SILENT_LOG);
      return openWay(front, dialer, targetPort, () => far.close());
    },
  },
  {
    name: "ssh-jump",
    isAvailable: hasSshServer,
    endIsClean: false,
    open: async (targetPort) => {
      const sshd = await startSshServer();
      const front = await startFaultRelay(sshd.port);
      const login = { user: sshd.user, privateKey: new Secret(sshd.privateKey), hostKeys: [sshd.hostKey] };
      const via = { url: `ssh://127.0.0.1:${front.port}`, login };
      const dialer = sshJump.open({ transport: "ssh-jump", host: "127.0.0.1", via }, SILENT_LOG);
      return openWay(front, dialer, targetPort, () => sshd.stop());
    },
  },
];

/** A client of a tunnel, and all it saw. */
export class Client {
  readonly socket: net.Socket;
  readonly #chunks: Buffer[] = [];
  receivedBytes = 0;
  /** How the connection ended for the client; undefined while it is open. */
  end: "fin" | "reset" | undefined;
  readonly #over: Promise<void>;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.receivedBytes += chunk.length;
    });
    this.#over = new Promise((resolve) => {
      const settle = (end: "fin" | "reset"): void => {
        this.end ??= end;
        resolve();
      };
      socket.on("end", () => settle("fin"));
      socket.on("error", () => settle("reset"));
      socket.on("close", () => settle("reset"));
    });
  }

  static async connect(port: number): Promise<Client> {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const client = new Client(socket);
    await once(socket, "connect");
    return client;
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves when the far side has ended or the connection is gone. */
  over(): Promise<void> {
    return this.#over;
  }

  /** Writes as the other side takes it, until all is written or the connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    const piece = 64 * 1024;
    for (let at = 0; at < bytes.length && !this.socket.destroyed; at += piece) {
      await writeOrGone(this.socket, bytes.subarray(at, at + piece));
    }
  }
}
