// Tunnels as tables and pages for people.
import pc from "picocolors";
import { formatDuration } from "../domain/duration.ts";
import { formatPorts } from "../domain/ports.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { ListedState, ListedTunnel, Listing, TunnelView } from "../tunnel/list.ts";
import { describeAddresses, describeAge, describeTrouble } from "./describe-tunnel.ts";
import { type Column, formatBytes, formatRoundTrip, renderTable } from "./output.ts";
import { historyRows } from "./render-history.ts";
import type { Output } from "./world.ts";

/** The table of `list`. */
export function renderListing(listing: Listing, context: AppContext, output: Output, rates?: Rates): string {
  const notes = listing.damaged.map((file) => `warning: ${file.message}\n`).join("");
  if (listing.tunnels.length === 0) return `${notes}No tunnels. Start one: runtunnel start RUN -lp PORT -rp PORT\n`;
  return (
    notes +
    renderTable(listing.tunnels, columns(context, output.hasColor, rates), output.columns) +
    troubles(listing, context)
  );
}

/** Why tunnels are not healthy: a table has no room for it. */
function troubles(listing: Listing, context: AppContext): string {
  return listing.tunnels
    .map((tunnel) => {
      const trouble = describeTrouble(tunnel, context);
      return trouble === undefined ? "" : `${tunnel.record.runName}: ${trouble}\n`;
    })
    .join("");
}

/** Bytes a second by tunnel, for who watches. */
export type Rates = ReadonlyMap<string, number>;

function rateColumn(rates: Rates): Column<ListedTunnel> {
  const rateOf = ({ record }: ListedTunnel): string => {
    const rate = rates.get(record.id);
    return rate === undefined ? "-" : `${formatBytes(rate)}/s`;
  };
  return { title: "RATE", value: rateOf, align: "right", dropsAs: 9 };
}

function columns(context: AppContext, hasColor: boolean, rates: Rates | undefined): readonly Column<ListedTunnel>[] {
  const pairs = ({ record }: ListedTunnel) => record.boundPorts ?? record.spec.ports;
  return [
    { title: "RUN", value: ({ record }) => record.runName, shrinks: true },
    { title: "PLATFORM", value: ({ record }) => record.spec.platform, shrinks: true, dropsAs: 2 },
    { title: "LOCAL", value: (tunnel) => formatPorts(pairs(tunnel).map((pair) => pair.local)) },
    { title: "REMOTE", value: (tunnel) => formatPorts(pairs(tunnel).map((pair) => pair.remote)), dropsAs: 8 },
    { title: "PID", value: ({ record }) => String(record.process?.pid ?? "-"), align: "right", dropsAs: 3 },
    { title: "OWNER", value: ({ record }) => describeOwner(record), shrinks: true, dropsAs: 1 },
    { title: "HEALTH", value: ({ state }) => colorState(state, hasColor) },
    { title: "SINCE", value: ({ record }) => describeAge(record, context), dropsAs: 6 },
    { title: "CONNS", value: ({ status }) => String(status?.openConnections ?? "-"), align: "right", dropsAs: 5 },
    {
      title: "BYTES",
      value: ({ status }) => (status === undefined ? "-" : formatBytes(status.bytesUp + status.bytesDown)),
      align: "right",
      dropsAs: 4,
    },
    ...(rates === undefined ? [] : [rateColumn(rates)]),
    { title: "RTT", value: ({ status }) => formatRoundTrip(status?.health.roundTripMs), align: "right", dropsAs: 7 },
  ];
}

/** One tunnel in full, for `status`. */
export function renderStatus(tunnel: ListedTunnel, context: AppContext, output: Output): string {
  const { record, state, status } = tunnel;
  const rows: [string, string][] = [
    ["Run", `${record.runName} (${record.spec.platform})`],
    ["Health", colorState(state, output.hasColor)],
    ["Ports", describeAddresses(record)],
    ["Process", `${record.process?.pid ?? "-"}, ${record.mode}, user ${record.owner} on ${record.machine}`],
    ...managedRow(record),
    ["Up for", describeAge(record, context)],
    ["Log", record.logFile ?? "-"],
  ];
  if (status !== undefined) {
    const { health } = status;
    rows.push(
      ["Route", status.route],
      ["Round trip", formatRoundTrip(health.roundTripMs)],
      [
        "Connections",
        `${status.openConnections} open, ${status.totalConnections} in all, ${status.failedConnections} failed`,
      ],
      ["Bytes", `${formatBytes(status.bytesUp)} up, ${formatBytes(status.bytesDown)} down`],
      ...historyRows(status.history, output.columns),
    );
    const trouble = describeTrouble(tunnel, context);
    if (trouble !== undefined) rows.push(["Reason", trouble]);
    else if (health.lastFailure !== undefined) {
      rows.push(["Last error", `${ago(health.lastFailure.at, context)}: ${health.lastFailure.message}`]);
    }
  }
  for (const warning of record.warnings) rows.push(["Warning", warning]);
  const width = Math.max(...rows.map(([title]) => title.length)) + 2;
  const head = rows.map(([title, value]) => `${title.padEnd(width)}${value}\n`).join("");
  return head + renderHistory(tunnel, context);
}

/** The user, and the service whose supervisor would start the tunnel again. */
function describeOwner(record: TunnelView): string {
  return record.mode === "service" ? `${record.owner} (service)` : record.owner;
}

function managedRow({ managedBy }: TunnelView): [string, string][] {
  return managedBy === undefined ? [] : [["From", `${managedBy.entry} in ${managedBy.file}`]];
}

function renderHistory({ status }: ListedTunnel, context: AppContext): string {
  if (status === undefined) return "";
  const probes = status.probes.slice(-5).map((probe) => {
    const what = probe.ok ? `answered in ${formatRoundTrip(probe.roundTripMs)}` : (probe.message ?? "failed");
    return `  ${ago(probe.at, context)}: ${what}\n`;
  });
  const outages = status.outages.slice(-5).map((outage) => {
    const length = outage.to === undefined ? "lasting" : `for ${formatDuration(outage.to - outage.from)}`;
    const reasons = outage.reasons?.map(({ message }) => message) ?? [outage.message];
    return `  ${ago(outage.from, context)}, ${length}: ${reasons.join("; then: ")}\n`;
  });
  return (
    (probes.length === 0 ? "" : `Recent probes\n${probes.join("")}`) +
    (outages.length === 0 ? "" : `Outages\n${outages.join("")}`)
  );
}

function ago(at: number, context: AppContext): string {
  return `${formatDuration(Math.max(0, context.clock.now() - at))} ago`;
}

function colorState(state: ListedState, hasColor: boolean): string {
  const colors = pc.createColors(hasColor);
  switch (state) {
    case "healthy":
      return colors.green(state);
    case "starting":
    case "stopping":
    case "degraded":
      return colors.yellow(state);
    case "unhealthy":
    case "failed":
    case "hanging":
    case "dead":
    case "ended":
      return colors.red(state);
    case "elsewhere":
      return colors.dim(state);
  }
}
