// The start's last question: is the remote side really there? Every remote port is dialled, SSH must show its banner.
import { DIAL_BACKOFF } from "../domain/backoff.ts";
import { AppError, errorMessage, isTransient } from "../domain/errors.ts";
import { retry } from "../domain/retry.ts";
import type { ProbeKind, TunnelSpec } from "../domain/tunnel-spec.ts";
import type { AppContext } from "./context.ts";
import type { LiveRoute } from "./live-route.ts";
import { probe } from "./probe.ts";
import { sshPortPair } from "./ssh/ssh-access.ts";

/** The port on which SSH is expected. */
const SSH_PORT = 22;
/** How long to go on asking a run that is there but refuses the port, where the tunnel may start without it. */
const REFUSED_PATIENCE_MS = 600;

/** What counts as reached for a remote port of this tunnel. */
export function probeKind(spec: TunnelSpec, port: number): ProbeKind {
  if (spec.probe?.kind !== undefined && port === spec.ports[0]?.remote) return spec.probe.kind;
  const isForSsh = spec.ssh !== undefined && port === sshPortPair(spec.ports).remote;
  return port === SSH_PORT || isForSsh || spec.app === "sshd" ? "ssh" : "dial";
}

/** Round trip of the first remote port, and a warning for each port that nothing answers on yet. Throws when the way
 * to the run fails, or when the spec insists on the remote port. */
export async function awaitRemote(
  spec: TunnelSpec,
  route: LiveRoute,
  context: AppContext,
  signal: AbortSignal,
): Promise<{ readonly roundTripMs: number | undefined; readonly refusals: readonly AppError[] }> {
  const results = await Promise.all(spec.ports.map(({ remote }) => reachPort(remote, spec, route, context, signal)));
  return {
    roundTripMs: results.find((result) => typeof result === "number"),
    refusals: results.filter((result) => typeof result !== "number"),
  };
}

async function reachPort(
  port: number,
  spec: TunnelSpec,
  route: LiveRoute,
  context: AppContext,
  signal: AbortSignal,
): Promise<number | AppError> {
  const startedAt = context.clock.monotonicMs();
  const insists = spec.waitForRemote || spec.ssh !== undefined;
  try {
    return await retry(
      async () => {
        const { dialer } = await route.get();
        const kind = probeKind(spec, port);
        return probe(dialer, { kind, port, timeoutMs: spec.connectTimeoutMs, signal, clock: context.clock });
      },
      {
        attempts: spec.retries,
        backoff: DIAL_BACKOFF,
        clock: context.clock,
        random: context.random,
        signal,
        canRetry: (error) => {
          if (isPortOnly(error)) return insists || context.clock.monotonicMs() - startedAt < REFUSED_PATIENCE_MS;
          route.doubt();
          return isTransient(error);
        },
        onRetry: (error, attempt, delayMs) =>
          context.log.info(errorMessage(error), { attempt, of: spec.retries, nextInMs: Math.round(delayMs) }),
      },
    );
  } catch (error) {
    if (error instanceof AppError && isPortOnly(error) && !insists) return error;
    throw error;
  }
}

/** Whether the run was reached and only this port of it gives no answer. */
function isPortOnly(error: unknown): boolean {
  return error instanceof AppError && (error.hop === "remote-port" || error.hop === "ssh-banner");
}
