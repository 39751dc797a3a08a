// Opens the local ports of a tunnel, and says who holds one that is taken.
import { ConflictError, systemErrorCode, UsageError } from "../domain/errors.ts";
import type { PortPair } from "../domain/ports.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import { findPortHolder } from "../os/listening-ports/find-port-holder.ts";
import type { Relay } from "../relay/relay.ts";
import type { AppContext } from "./context.ts";

/** A relay that listens, with what the user should know about its ports. */
export type OpenedPorts = { readonly relay: Relay; readonly warnings: readonly string[] };

/** Listens on the spec's ports, or on free ones where the spec allows that. Throws ConflictError naming the holder. */
export async function openLocalPorts(
  spec: TunnelSpec,
  listen: (ports: readonly PortPair[]) => Relay,
  context: AppContext,
): Promise<OpenedPorts> {
  try {
    return { relay: listen(spec.ports), warnings: [] };
  } catch (error) {
    const taken = await describeBindFailure(error, spec, context);
    if (!spec.portFallback) throw taken;
    const relay = listen(spec.ports.map((pair) => ({ local: 0, remote: pair.remote })));
    const chosen = relay.ports.map((pair) => pair.local).join(", ");
    return { relay, warnings: [`${taken.message}; using local port ${chosen} instead`] };
  }
}

async function describeBindFailure(
  error: unknown,
  spec: TunnelSpec,
  context: AppContext,
): Promise<ConflictError | UsageError> {
  const code = systemErrorCode(error instanceof Error && error.cause !== undefined ? error.cause : error);
  const ports = spec.ports.map((pair) => pair.local);
  if (code === "EACCES" || code === "EPERM") {
    return new UsageError(`Cannot listen on local port ${ports.join(", ")}: this account has no right to`, {
      code: "local-port-forbidden",
      hop: "local-port",
      hint: "Choose a --local-port from 1024 up",
      cause: error,
    });
  }
  if (code === "EADDRNOTAVAIL" || code === "EINVAL" || code === "ENOTFOUND") {
    return new UsageError(`Cannot listen on address "${spec.listenAddress}": this machine does not have it`, {
      code: "listen-address",
      hop: "local-port",
      hint: 'Choose another --listen-address, or 127.0.0.1; "runtunnel config show" says where it comes from',
      cause: error,
    });
  }
  return describeTakenPort(error, ports, context);
}

async function describeTakenPort(
  error: unknown,
  ports: readonly number[],
  context: AppContext,
): Promise<ConflictError> {
  for (const port of ports) {
    const holder = await findPortHolder(port, context.processes);
    if (holder === undefined) continue;
    const who =
      holder.pid === undefined
        ? `a process of ${holder.owner ?? "another user"}`
        : `process ${holder.pid} (${holder.command ?? "unknown"}${holder.owner === undefined ? "" : `, user ${holder.owner}`})`;
    return new ConflictError(`Cannot listen on local port ${port}: held by ${who}`, {
      code: "local-port-taken",
      hop: "local-port",
      hint: "Choose another --local-port, or -lp 0 for any free one",
      cause: error,
    });
  }
  return new ConflictError(`Cannot listen on local port ${ports.join(", ")}: another process has it`, {
    code: "local-port-taken",
    hop: "local-port",
    hint: "Choose another --local-port, or -lp 0 for any free one",
    cause: error,
  });
}
