// A TCP relay that breaks connections on purpose, in the ways real networks and machines do.
import net from "node:net";
import { startServer, type TestServer } from "./echo-server.ts";

/** How a connection is broken: a reset, an end, or silence for ever. */
export type Break = "reset" | "fin" | "stall";

/** What happens to new connections. "Down" is towards whoever connected to us. */
export type Fault =
  | { readonly kind: "none" }
  /** Broken as soon as it is accepted. */
  | { readonly kind: "at-once"; readonly how: Break }
  /** The first bytes down, one at a time, each its own segment, with a pause between. */
  | { readonly kind: "slices"; readonly bytes: number; readonly pauseMs: number }
  /** Down bytes are held back until there are so many, or until nothing more came for 50 ms, then sent in one piece. */
  | { readonly kind: "merge"; readonly bytes: number }
  /** Broken after so many bytes in that direction; those before it get through. */
  | { readonly kind: "cut"; readonly direction: "up" | "down"; readonly afterBytes: number; readonly how: Break }
  /** Every so manieth byte down is changed. */
  | { readonly kind: "garble"; readonly everyBytes: number };

/** A running relay. */
export type FaultRelay = {
  readonly port: number;
  /** For connections that come from now on. */
  fault: Fault;
  /** Bytes that passed since the start. */
  readonly passed: { up: number; down: number };
  /** Breaks every open connection. */
  strike(how: Break): void;
  /** Open connections. */
  readonly open: number;
  close(): Promise<void>;
};

const MERGE_PATIENCE_MS = 50;

/** Starts a relay to a port of this machine. */
export async function startFaultRelay(targetPort: number): Promise<FaultRelay> {
  const pairs = new Set<Pair>();
  const passed = { up: 0, down: 0 };
  const server: TestServer = await startServer((client) => {
    const pair = new Pair(client, targetPort, relay.fault, passed);
    pairs.add(pair);
    client.once("close", () => pairs.delete(pair));
  });
  const relay = {
    port: server.port,
    fault: { kind: "none" } as Fault,
    passed,
    strike: (how: Break) => {
      for (const pair of [...pairs]) pair.breakOff(how);
    },
    get open() {
      return pairs.size;
    },
    close: async () => {
      for (const pair of [...pairs]) pair.breakOff("reset");
      await server.close();
    },
  };
  return relay;
}

/** One connection through the relay. */
class Pair {
  readonly #client: net.Socket;
  readonly #target: net.Socket;
  readonly #fault: Fault;
  readonly #passed: { up: number; down: number };
  readonly #count = { up: 0, down: 0 };
  #isBroken = false;

  constructor(client: net.Socket, targetPort: number, fault: Fault, passed: { up: number; down: number }) {
    this.#client = client;
    this.#fault = fault;
    this.#passed = passed;
    this.#target = net.connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true, noDelay: true });
    this.#target.on("error", () => client.resetAndDestroy());
    client.on("close", () => this.#target.destroy());
    this.#target.on("close", () => {
      if (!this.#isBroken) client.destroySoon();
    });
    if (fault.kind === "at-once") {
      this.breakOff(fault.how);
      return;
    }
    void this.#pump(client, this.#target, "up");
    void this.#pump(this.#target, client, "down");
  }

  breakOff(how: Break): void {
    this.#isBroken = true;
    if (how === "stall") {
      this.#client.pause();
      this.#target.pause();
      return;
    }
    if (how === "reset") this.#client.resetAndDestroy();
    else this.#client.destroySoon();
    this.#target.destroy();
  }

  async #pump(from: net.Socket, to: net.Socket, direction: "up" | "down"): Promise<void> {
    const write = (bytes: Uint8Array): Promise<void> => this.#write(to, bytes, direction);
    const merged = direction === "down" && this.#fault.kind === "merge" ? this.#fault.bytes : 0;
    let held = Buffer.alloc(0);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = (): void => {
      clearTimeout(timer);
      const bytes = held;
      held = Buffer.alloc(0);
      if (bytes.length > 0) void write(bytes);
    };
    from.on("data", (chunk: Buffer) => {
      if (merged > 0 && this.#count.down < merged) {
        held = Buffer.concat([held, chunk]);
        clearTimeout(timer);
        timer = setTimeout(flush, MERGE_PATIENCE_MS);
        if (held.length >= merged) flush();
        return;
      }
      from.pause();
      void write(chunk).then(() => {
        if (!this.#isBroken) from.resume();
      });
    });
    from.on("end", () => {
      flush();
      if (!this.#isBroken) to.end();
    });
  }

  async #write(to: net.Socket, chunk: Uint8Array, direction: "up" | "down"): Promise<void> {
    const fault = this.#fault;
    const start = this.#count[direction];
    let bytes = chunk;
    const isCut = fault.kind === "cut" && fault.direction === direction && start + chunk.length >= fault.afterBytes;
    if (isCut) bytes = chunk.subarray(0, Math.max(0, fault.afterBytes - start));
    if (fault.kind === "garble" && direction === "down") bytes = garble(bytes, start, fault.everyBytes);
    this.#count[direction] += bytes.length;
    this.#passed[direction] += bytes.length;
    const sliced = fault.kind === "slices" && direction === "down" ? Math.max(0, fault.bytes - start) : 0;
    for (let index = 0; index < Math.min(sliced, bytes.length); index += 1) {
      await send(to, bytes.subarray(index, index + 1));
      if (fault.kind === "slices") await Bun.sleep(fault.pauseMs);
    }
    if (bytes.length > sliced && !this.#isBroken) await send(to, bytes.subarray(sliced));
    if (isCut) this.breakOff(fault.how);
  }
}

function send(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  return bytes.length === 0 ? Promise.resolve() : writeOrGone(socket, bytes);
}

const goneSockets = new WeakMap<net.Socket, Promise<void>>();

/** Writes, and resolves when the system took the bytes or the socket is closed, whichever is first. */
export function writeOrGone(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || !socket.writable) return Promise.resolve();
  const gone = goneSockets.get(socket) ?? new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  goneSockets.set(socket, gone);
  return Promise.race([gone, new Promise<void>((resolve) => void socket.write(bytes, () => resolve()))]);
}

function garble(bytes: Uint8Array, start: number, every: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let index = 0; index < changed.length; index += 1) {
    if ((start + index + 1) % every === 0) changed[index] = (changed[index] ?? 0) ^ 0x55;
  }
  return changed;
}
