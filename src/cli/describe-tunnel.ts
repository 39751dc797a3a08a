// A tunnel as `--json` shows it (stable: fields are added, not renamed) and in one line for people.
import { formatDuration } from "../domain/duration.ts";
import { formatHost } from "../domain/endpoint.ts";
import type { AppContext } from "../tunnel/context.ts";
import { findTrouble, type ListedTunnel, type TunnelView } from "../tunnel/list.ts";
import { didYouMean } from "./suggest.ts";

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
    managedBy: record.managedBy === undefined ? null : { file: record.managedBy.file, entry: record.managedBy.entry },
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
  const trouble = findTrouble(tunnel);
  return {
    ...tunnelJson(record),
    state,
    health: status?.health ?? null,
    reason:
      trouble === undefined
        ? null
        : {
            code: trouble.code,
            hop: trouble.hop ?? null,
            message: trouble.message,
            since: new Date(trouble.since).toISOString(),
          },
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

/** The same with how it has been, oldest first. */
export function statusJson(tunnel: ListedTunnel): Readonly<Record<string, unknown>> {
  const history = tunnel.status?.history?.map((sample) => ({
    at: new Date(sample.at).toISOString(),
    forMs: sample.forMs,
    bytesUp: sample.bytesUp,
    bytesDown: sample.bytesDown,
    roundTripMs: sample.roundTripMs ?? null,
  }));
  return { ...listedJson(tunnel), history: history ?? [] };
}

/** `127.0.0.1:4567 -> 22, 127.0.0.1:4568 -> 80` */
export function describeAddresses(record: TunnelView): string {
  return (record.boundPorts ?? record.spec.ports)
    .map(({ local, remote }) => `${formatHost(record.spec.listenAddress)}:${local} -> ${remote}`)
    .join(", ");
}

/** `Run 1001 is paused, since 14:02:11 (3m 5s)`, or undefined when nothing is wrong. */
export function describeTrouble(tunnel: ListedTunnel, context: AppContext): string | undefined {
  const trouble = findTrouble(tunnel);
  if (trouble === undefined) return undefined;
  const now = context.clock.now();
  const at = new Date(trouble.since);
  const time = at.toTimeString().slice(0, 8);
  const isToday = at.toDateString() === new Date(now).toDateString();
  const when = isToday ? time : `${at.toISOString().slice(0, 10)} ${time}`;
  return `${trouble.message}, since ${when} (${formatDuration(Math.max(0, now - trouble.since))})`;
}

/** What to do where no tunnel leads to the run of this name: the nearest that there is, or how to see all. */
export function suggestTunnel(name: string | undefined, tunnels: readonly ListedTunnel[]): string {
  const names = tunnels.flatMap(({ record }) => [record.runName, record.spec.run]);
  const near = name === undefined ? undefined : didYouMean(name, names);
  if (tunnels.length === 0) return "No tunnel is running; start one: runtunnel start RUN -lp PORT -rp PORT";
  return near ?? 'See all with "runtunnel list"';
}

/** How long a tunnel has been up, or `-`. */
export function describeAge(record: TunnelView, context: AppContext): string {
  return record.readyAt === undefined ? "-" : formatDuration(Math.max(0, context.clock.now() - record.readyAt));
}
