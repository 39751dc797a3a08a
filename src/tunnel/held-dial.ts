// One dial for one local connection: tries again with backoff while the route is down, instead of failing at once.
import { DIAL_BACKOFF } from "../domain/backoff.ts";
import type { ByteStream } from "../domain/byte-stream.ts";
import type { Clock } from "../domain/clock.ts";
import { AppError, isOffline, isTransient, NotFoundError, TimeoutError } from "../domain/errors.ts";
import { retry } from "../domain/retry.ts";
import { type LiveRoute, type LiveRun, PLATFORM_PATIENCE_MS } from "./live-route.ts";

/** Where the run was reached and only its port said no, waiting long helps nobody: services refuse at once. */
const REMOTE_PORT_HOLD_MS = 700;

/** What a held dial needs. */
export type HeldDialOptions = {
  readonly route: LiveRoute;
  readonly clock: Clock;
  readonly random: () => number;
  /** Tries in all. */
  readonly retries: number;
  /** For one try, milliseconds. */
  readonly connectTimeoutMs: number;
  /** No new try begins later than this, milliseconds. */
  readonly holdMs: number;
  readonly onSuccess: (roundTripMs: number) => void;
  readonly onFailure: (error: unknown) => void;
};

/** Dials a remote port. The last error is thrown when tries, time or patience run out. */
export function dialHeld(remotePort: number, signal: AbortSignal, options: HeldDialOptions): Promise<ByteStream> {
  const { clock } = options;
  const startedAt = clock.monotonicMs();
  // A refused login, or a run that the relay does not know, is final only once the platform has confirmed that the route,
  // token included, is the one to use.
  let isRouteRefused = false;
  let isConfirmed = false;
  let isDialled = false;
  return retry(
    async () => {
      isDialled = false;
      const renewed = isRouteRefused ? await renewedRoute(options) : undefined;
      isConfirmed = renewed !== undefined;
      const { dialer } = renewed ?? options.route.ready ?? (await currentRoute(options));
      const dialledAt = clock.monotonicMs();
      isDialled = true;
      const stream = await dialer.dial(remotePort, { signal, timeoutMs: options.connectTimeoutMs });
      options.onSuccess(clock.monotonicMs() - dialledAt);
      return stream;
    },
    {
      attempts: options.retries,
      backoff: DIAL_BACKOFF,
      clock,
      random: options.random,
      signal,
      lastTryAtMs: startedAt + options.holdMs,
      // Between two networks nothing is tried at all; the tries are for the way once it is there.
      isFree: isOffline,
      canRetry: (error) => {
        if (signal.aborted) return false;
        options.onFailure(error);
        // A proxy tells an ended or moved run no better than a closed port: the platform knows which it is.
        options.route.doubt();
        if (isRemotePort(error)) return clock.monotonicMs() - startedAt < REMOTE_PORT_HOLD_MS;
        if (isProxyLogin(error) || (isDialled && isRunUnknown(error))) {
          // The token may have been renewed since the route was resolved, or the run be over, which EDGE does not tell
          // apart: ask the platform, and then the proxy once more. EDGE itself refuses everybody while the API is down.
          // A session of the same name may have taken the place of the one that the relay knows no more.
          isRouteRefused = true;
          return !isConfirmed;
        }
        return isTransient(error);
      },
    },
  );
}

/** The route, waited for no longer than for one dial: a platform that is mute must not hold a client for minutes. */
function currentRoute({ clock, connectTimeoutMs, route }: HeldDialOptions): Promise<LiveRun> {
  return inTime(route.get(), connectTimeoutMs, clock);
}

/** The route as the platform tells it now; undefined where the platform does not answer. */
async function renewedRoute({ clock, route }: HeldDialOptions): Promise<LiveRun | undefined> {
  try {
    return await inTime(route.renew(), PLATFORM_PATIENCE_MS, clock);
  } catch (error) {
    const isAway = isTransient(error) && error instanceof AppError && error.hop !== "run-state";
    if (!isAway) throw error;
    return undefined;
  }
}

async function inTime(asked: Promise<LiveRun>, timeoutMs: number, clock: Clock): Promise<LiveRun> {
  const answered = new AbortController();
  const tooLate = clock.sleep(timeoutMs, answered.signal).then((): never => {
    throw new TimeoutError("The platform does not say where the run is", {
      code: "platform-silent",
      hop: "api",
      hint: "Check your network and VPN; the connection is tried again",
    });
  });
  tooLate.catch(() => undefined);
  asked.catch(() => undefined);
  return Promise.race([asked, tooLate]).finally(() => answered.abort());
}

function isRemotePort(error: unknown): boolean {
  return error instanceof AppError && error.hop === "remote-port";
}

function isProxyLogin(error: unknown): boolean {
  return error instanceof AppError && error.hop === "proxy-login";
}

function isRunUnknown(error: unknown): boolean {
  return error instanceof NotFoundError && error.hop === "run-state";
}
