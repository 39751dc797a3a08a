// Remembers which endpoints answered a moment ago. Bursts of connections to such an endpoint may take the runtime's own
// connect, which is cheaper than a cancellable one; see tcp-connect.ts.
import { type Endpoint, formatEndpoint } from "../domain/endpoint.ts";
import { SharedDeadlines } from "./shared-deadlines.ts";

/** An answer older than this says nothing about the next connect. */
const RECENT_MS = 1000;

/** How many connects that cannot be cancelled may be under way to one endpoint: were it to fall silent, so many
 * descriptors at most would wait for the kernel to give up. */
const MAX_RESERVED = 16;

/** What is known of one endpoint. */
export class RecentConnect {
  readonly #now: () => number;
  #address = "";
  #answeredAt = Number.NEGATIVE_INFINITY;
  #reserved = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The address that answered lately, reserved until `release`; undefined where the short way is not to be taken. */
  reserve(): string | undefined {
    if (this.#reserved >= MAX_RESERVED || this.#now() - this.#answeredAt > RECENT_MS) return undefined;
    this.#reserved += 1;
    return this.#address;
  }

  /** A reserved connect has opened or failed. */
  release(): void {
    this.#reserved -= 1;
  }

  /** The endpoint answered at this address. */
  succeeded(address: string): void {
    this.#address = address;
    this.#answeredAt = this.#now();
  }

  /** The endpoint refused: the next connect resolves and races anew. */
  failed(): void {
    this.#answeredAt = Number.NEGATIVE_INFINITY;
  }
}

/** The memory of one dialer. */
export class RecentConnects {
  readonly #connects = new Map<string, RecentConnect>();
  readonly #now: () => number;
  /** The deadlines of the connects under way. */
  readonly deadlines = new SharedDeadlines();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What is known of an endpoint; endpoints of one dialer are few. */
  of(endpoint: Endpoint): RecentConnect {
    const key = formatEndpoint(endpoint);
    let connect = this.#connects.get(key);
    if (connect === undefined) {
      connect = new RecentConnect(this.#now);
      this.#connects.set(key, connect);
    }
    return connect;
  }
}
