// The way to a run as it is now: resolved once, resolved again when dials fail, shared by all dials of a tunnel.
import type { Clock } from "../domain/clock.ts";
import { AppError, AuthError, InterruptedError, isTransient, LocalError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { Route, SshLogin, TlsOptions, Via } from "../domain/route.ts";
import type { ResolvedRun } from "../platforms/platform.ts";
import type { Dialer, Transport } from "../transports/transport.ts";

/** A resolved run with a dialer for its route. */
export type LiveRun = { readonly run: ResolvedRun; readonly dialer: Dialer };

/** Least time between two resolves: a thousand failing dials must not become a thousand questions to the platform. */
const MIN_RESOLVE_INTERVAL_MS = 1000;

/** How long dials wait for a platform that does not answer, before they try the route that is known. */
export const PLATFORM_PATIENCE_MS = 2000;

/** Options of a live route. */
export type LiveRouteOptions = {
  readonly resolve: () => Promise<ResolvedRun>;
  readonly transports: readonly Transport[];
  readonly clock: Clock;
  readonly log: Log;
  /** Told when another machine answers behind the run's name. */
  readonly onNewIncarnation: (run: ResolvedRun) => void;
};

/** Holds the current route of one tunnel. Close it when the tunnel ends. */
export class LiveRoute {
  readonly #options: LiveRouteOptions;
  #live: LiveRun | undefined;
  #resolving: Promise<LiveRun> | undefined;
  #resolvedAt = Number.NEGATIVE_INFINITY;
  #stale = true;
  /** Whether the platform's last word was that the run cannot be reached now (paused, ended, forbidden). */
  #isRefused = false;
  #isClosed = false;

  constructor(options: LiveRouteOptions) {
    this.#options = options;
  }

  /** The route that is known, however old. */
  get current(): LiveRun | undefined {
    return this.#live;
  }

  /** The route to dial now where nobody has to be asked about it; undefined where `get` would ask the platform. */
  get ready(): LiveRun | undefined {
    if (!this.#stale || this.#options.clock.monotonicMs() - this.#resolvedAt < MIN_RESOLVE_INTERVAL_MS)
      return this.#live;
    return undefined;
  }

  /** The route to dial now; asks the platform when there is none yet or the known one was doubted. A platform that is out
   * of reach does not take the known route away: the way to the run may well be open. */
  get(): Promise<LiveRun> {
    const { ready } = this;
    if (ready !== undefined) return Promise.resolve(ready);
    const live = this.#live;
    return live === undefined || this.#isRefused ? this.#ask() : this.#askPatiently(live);
  }

  /** The route after the platform was asked again, if the known one was doubted. Waits out the least time between two
   * resolves, where `get` would give the doubted route once more. */
  renew(): Promise<LiveRun> {
    const live = this.#live;
    return live === undefined || this.#stale ? this.#ask() : Promise.resolve(live);
  }

  /** Says that a dial along this route failed: the next `get` asks the platform again. */
  doubt(): void {
    this.#stale = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#live?.dialer.close();
  }

  async #askPatiently(known: LiveRun): Promise<LiveRun> {
    const answered = new AbortController();
    const asked = this.#ask().catch((error: unknown) => {
      if (this.#isRefused || !isTransient(error)) throw error;
      return this.#live ?? known;
    });
    const patience = this.#options.clock.sleep(PLATFORM_PATIENCE_MS, answered.signal).then(() => this.#live ?? known);
    try {
      return await Promise.race([asked, patience]);
    } finally {
      answered.abort();
      asked.catch(() => undefined);
      patience.catch(() => undefined);
    }
  }

  #ask(): Promise<LiveRun> {
    this.#resolving ??= this.#askInTurn().finally(() => {
      this.#resolving = undefined;
    });
    return this.#resolving;
  }

  async #askInTurn(): Promise<LiveRun> {
    const { clock } = this.#options;
    const waitMs = this.#resolvedAt + MIN_RESOLVE_INTERVAL_MS - clock.monotonicMs();
    if (this.#live !== undefined && waitMs > 0) await clock.sleep(waitMs);
    return this.#resolve();
  }

  async #resolve(): Promise<LiveRun> {
    this.#resolvedAt = this.#options.clock.monotonicMs();
    const run = await this.#options.resolve().catch((error: unknown) => {
      this.#isRefused = isRefusal(error);
      throw error;
    });
    this.#isRefused = false;
    // Nobody would close a dialer that is opened now.
    if (this.#isClosed) throw new InterruptedError("The tunnel has ended");
    const previous = this.#live;
    this.#stale = false;
    if (previous !== undefined && isSameWay(previous.run.route, run.route)) {
      this.#live = { run, dialer: previous.dialer };
    } else {
      this.#live = { run, dialer: toAppPort(this.#openDialer(run.route), run) };
      previous?.dialer.close();
    }
    if (previous !== undefined && previous.run.incarnation !== run.incarnation) this.#options.onNewIncarnation(run);
    return this.#live;
  }

  #openDialer(route: Route): Dialer {
    const transport = this.#options.transports.find((candidate) => candidate.name === route.transport);
    if (transport === undefined) throw new LocalError(`There is no transport "${route.transport}"`);
    return transport.open(route, this.#options.log);
  }
}

/** Where the user named an app and no port, the tunnel's remote port is 0: the app's own is meant. What the run calls the
 * port may be another number still. */
function toAppPort(dialer: Dialer, run: ResolvedRun): Dialer {
  const { defaultRemotePort, route } = run;
  if (defaultRemotePort === undefined && route.dialPort === undefined) return dialer;
  const translate = (port: number): number => {
    const named = port === 0 ? (defaultRemotePort ?? 0) : port;
    return route.dialPort?.(named) ?? named;
  };
  return { dial: (port, options) => dialer.dial(translate(port), options), close: () => dialer.close() };
}

/** Whether the platform answered, and the answer is that there is no way now. */
function isRefusal(error: unknown): boolean {
  return error instanceof AppError && (error.hop === "run-state" || error instanceof AuthError);
}

/** Whether a dialer of the one route serves the other as well. */
function isSameWay(one: Route, other: Route): boolean {
  return (
    one.transport === other.transport &&
    one.host === other.host &&
    one.dialPort === other.dialPort &&
    (one.via === undefined || other.via === undefined ? one.via === other.via : isSameVia(one.via, other.via))
  );
}

/** Headers may carry a renewed token: then it is not. */
function isSameVia(one: Via, other: Via): boolean {
  return (
    one.headers === undefined &&
    other.headers === undefined &&
    one.url === other.url &&
    one.greets === other.greets &&
    isSameTls(one.tls, other.tls) &&
    isSameLogin(one.login, other.login)
  );
}

function isSameTls(one: TlsOptions | undefined, other: TlsOptions | undefined): boolean {
  return one?.verify === other?.verify && one?.certificateAuthority === other?.certificateAuthority;
}

function isSameLogin(one: SshLogin | undefined, other: SshLogin | undefined): boolean {
  return (
    one?.user === other?.user &&
    one?.password?.reveal() === other?.password?.reveal() &&
    one?.privateKey?.reveal() === other?.privateKey?.reveal() &&
    one?.passphrase?.reveal() === other?.passphrase?.reveal() &&
    one?.hostKeys?.join("\n") === other?.hostKeys?.join("\n")
  );
}
