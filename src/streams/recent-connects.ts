// Remembers which endpoints answered a moment ago. Bursts of connections to such an endpoint may take the runtime's own
// connect, which is cheaper than a cancellable one; see tcp-connect.ts.
import { type Endpoint, formatEndpoint } from "../domain/endpoint.ts";
import { SharedDeadlines } from "./shared-deadlines.ts";

/** An answer older than this says nothing about the next connect. */
const RECENT_MS = 1000;

/** How many connects that cannot be cancelled may be under way to one endpoint: were it to fall silent, so many
 * descriptors at most would wait for the kernel to give up. */
const MAX_RESERVED = 16;

type Memory = { address: string; answeredAt: number; reserved: number };

/** The memory of one dialer. */
export class RecentConnects {
  readonly #memories = new Map<string, Memory>();
  readonly #now: () => number;
  /** The deadlines of the connects under way. */
  readonly deadlines = new SharedDeadlines();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The address that answered lately, reserved until `release`; undefined where the short way is not to be taken. */
  reserve(endpoint: Endpoint): string | undefined {
    const memory = this.#memories.get(formatEndpoint(endpoint));
    if (memory === undefined || memory.reserved >= MAX_RESERVED) return undefined;
    if (this.#now() - memory.answeredAt > RECENT_MS) return undefined;
    memory.reserved += 1;
    return memory.address;
  }

  /** A reserved connect has opened or failed. */
  release(endpoint: Endpoint): void {
    const memory = this.#memories.get(formatEndpoint(endpoint));
    if (memory !== undefined) memory.reserved -= 1;
  }

  /** The endpoint answered at this address. */
  succeeded(endpoint: Endpoint, address: string): void {
    const key = formatEndpoint(endpoint);
    const memory = this.#memories.get(key);
    if (memory === undefined) this.#memories.set(key, { address, answeredAt: this.#now(), reserved: 0 });
    else {
      memory.address = address;
      memory.answeredAt = this.#now();
    }
  }

  /** The endpoint refused: the next connect resolves and races anew. */
  failed(endpoint: Endpoint): void {
    const memory = this.#memories.get(formatEndpoint(endpoint));
    if (memory !== undefined) memory.answeredAt = Number.NEGATIVE_INFINITY;
  }
}
