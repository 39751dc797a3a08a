// One dial for one local connection: tries again with backoff while the route is down, instead of failing at once.
import { DIAL_BACKOFF } from "../domain/backoff.ts";
import type { ByteStream } from "../domain/byte-stream.ts";
import type { Clock } from "../domain/clock.ts";
import { AppError, isOffline, isTransient, TimeoutError } from "../domain/errors.ts";
import { retry } from "../domain/retry.ts";
import type { LiveRoute, LiveRun } from "./live-route.ts";

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
  let refusedLogins = 0;
  return retry(
    async () => {
      const { dialer } = await currentRoute(refusedLogins > 0, options);
      const dialledAt = clock.monotonicMs();
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
        if (isProxyLogin(error)) {
          // The token may have been renewed since the route was resolved, or the run be over, which EDGE does not tell
          // apart: ask the platform, and then the proxy once more.
          refusedLogins += 1;
          return refusedLogins === 1;
        }
        return isTransient(error);
      },
    },
  );
}

/** The route, waited for no longer than for one dial: a platform that is mute must not hold a client for minutes. */
async function currentRoute(isRenewed: boolean, options: HeldDialOptions): Promise<LiveRun> {
  const { clock, connectTimeoutMs, route } = options;
  const answered = new AbortController();
  const tooLate = clock.sleep(connectTimeoutMs, answered.signal).then((): never => {
    throw new TimeoutError("The platform does not say where the run is", {
      code: "platform-silent",
      hop: "api",
      hint: "Check your network and VPN; the connection is tried again",
    });
  });
  tooLate.catch(() => undefined);
  const asked = isRenewed ? route.renew() : route.get();
  asked.catch(() => undefined);
  return Promise.race([asked, tooLate]).finally(() => answered.abort());
}

function isRemotePort(error: unknown): boolean {
  return error instanceof AppError && error.hop === "remote-port";
}

function isProxyLogin(error: unknown): boolean {
  return error instanceof AppError && error.hop === "proxy-login";
}
