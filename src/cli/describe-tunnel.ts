// A tunnel as `--json` shows it (stable: fields are added, not renamed) and in one line for people.
import { formatDuration } from "../domain/duration.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { ListedTunnel, TunnelView } from "../tunnel/list.ts";

/** The record as data. Nothing in it is secret. */
export function tunnelJson(record: TunnelView): Readonly<Record<string, unknown>> {
  const { spec } = record;
  return {
    id: record.id,
    run: spec.run,
    name: record.runName,
    platform: spec.platform,
    ports: record.boundPorts ?? spec.ports,
    listenAddress: spec.listenAddress,
    pid: record.process?.pid ?? null,
    owner: record.owner,
    machine: record.machine,
    mode: record.mode,
    createdAt: new Date(record.createdAt).toISOString(),
    readyAt: record.readyAt === undefined ? null : new Date(record.readyAt).toISOString(),
    logFile: record.logFile ?? null,
    warnings: record.warnings,
    ssh: record.ssh ?? null,
  };
}

/** A tunnel with its figures as data. */
export function listedJson(tunnel: ListedTunnel): Readonly<Record<string, unknown>> {
  const { record, state, status } = tunnel;
  return {
    ...tunnelJson(record),
    state,
    health: status?.health ?? null,
    route: status?.route ?? null,
    connections:
      status === undefined
        ? null
        : { open: status.openConnections, total: status.totalConnections, failed: status.failedConnections },
    bytes: status === undefined ? null : { up: status.bytesUp, down: status.bytesDown, inFlight: status.inFlightBytes },
    roundTripMs: status?.health.roundTripMs ?? null,
    lastByteAt: status?.lastByteAt === undefined ? null : new Date(status.lastByteAt).toISOString(),
    probes: status?.probes ?? [],
    outages: status?.outages ?? [],
  };
}

/** `127.0.0.1:4567 -> 22, 127.0.0.1:4568 -> 80` */
export function describeAddresses(record: TunnelView): string {
  return (record.boundPorts ?? record.spec.ports)
    .map(({ local, remote }) => `${record.spec.listenAddress}:${local} -> ${remote}`)
    .join(", ");
}

/** How long a tunnel has been up, or `-`. */
export function describeAge(record: TunnelView, context: AppContext): string {
  return record.readyAt === undefined ? "-" : formatDuration(Math.max(0, context.clock.now() - record.readyAt));
}
