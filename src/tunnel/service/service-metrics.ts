// Figures of a supervisor in the text format of Prometheus, version 0.0.4. Pure.
import { DIAL_BUCKETS_MS } from "../dial-counter.ts";
import { REPORTED_STATES, type ReportedTunnel, reportedState } from "./service-report.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = { readonly labels: Labels; readonly value: number; readonly suffix?: string };
type Family = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Samples of one tunnel; none where its process was not asked. */
  readonly samples: (reported: ReportedTunnel, labels: Labels) => readonly Sample[];
};

const PREFIX = "runtunnel";

const FAMILIES: readonly Family[] = [
  {
    name: "tunnel_up",
    type: "gauge",
    help: "Whether the tunnel's process runs and its run was reached at last.",
    samples: (reported, labels) => one(labels, ["healthy", "degraded"].includes(reportedState(reported)) ? 1 : 0),
  },
  {
    name: "tunnel_state",
    type: "gauge",
    help: "1 for the state that the tunnel is in, 0 for the others.",
    samples: (reported, labels) =>
      REPORTED_STATES.map((state) => ({
        labels: { ...labels, state },
        value: reportedState(reported) === state ? 1 : 0,
      })),
  },
  {
    name: "tunnel_restarts_total",
    type: "counter",
    help: "Times the tunnel was started again after its process had ended.",
    samples: ({ tunnel }, labels) => one(labels, tunnel.restarts),
  },
  {
    name: "tunnel_connections",
    type: "gauge",
    help: "Connections that are open or being dialled.",
    samples: ({ status }, labels) => (status === undefined ? [] : one(labels, status.openConnections)),
  },
  {
    name: "tunnel_connections_total",
    type: "counter",
    help: "Connections accepted since the tunnel's process began.",
    samples: ({ status }, labels) => (status === undefined ? [] : one(labels, status.totalConnections)),
  },
  {
    name: "tunnel_connection_failures_total",
    type: "counter",
    help: "Connections whose dial failed for good since the tunnel's process began.",
    samples: ({ status }, labels) => (status === undefined ? [] : one(labels, status.failedConnections)),
  },
  {
    name: "tunnel_bytes_total",
    type: "counter",
    help: "Bytes carried since the tunnel's process began, up to the run and down from it.",
    samples: ({ status }, labels) =>
      status === undefined
        ? []
        : [
            { labels: { ...labels, direction: "up" }, value: status.bytesUp },
            { labels: { ...labels, direction: "down" }, value: status.bytesDown },
          ],
  },
  {
    name: "tunnel_dial_failures_total",
    type: "counter",
    help: "Dials that failed since the tunnel's process began, by the hop that failed.",
    samples: ({ status }, labels) =>
      Object.entries(status?.dials?.failed ?? {}).map(([hop, value]) => ({ labels: { ...labels, hop }, value })),
  },
  {
    name: "tunnel_dial_duration_seconds",
    type: "histogram",
    help: "Time that successful dials for connections took.",
    samples: ({ status }, labels) => histogram(status?.dials, labels),
  },
  {
    name: "tunnel_round_trip_seconds",
    type: "gauge",
    help: "Last measured time from a dial to the answer of the run.",
    samples: ({ status }, labels) =>
      status?.health.roundTripMs === undefined ? [] : one(labels, status.health.roundTripMs / 1000),
  },
];

/** Every figure of every tunnel. `startedAt` is when the supervisor began, milliseconds since 1970. */
export function renderMetrics(tunnels: readonly ReportedTunnel[], startedAt: number): string {
  const families = FAMILIES.map((family) => {
    const samples = tunnels.flatMap((reported) => {
      const { entry, platform, run } = reported.tunnel;
      return family.samples(reported, { tunnel: entry, run, platform });
    });
    return samples.length === 0 ? "" : renderFamily(family, samples);
  });
  const start: Family = {
    name: "supervisor_start_time_seconds",
    type: "gauge",
    help: "When the supervisor began, seconds since 1970.",
    samples: () => [],
  };
  return [...families, renderFamily(start, one({}, startedAt / 1000))].join("");
}

function renderFamily({ help, name, type }: Family, samples: readonly Sample[]): string {
  const full = `${PREFIX}_${name}`;
  const lines = samples.map(({ labels, suffix, value }) => `${full}${suffix ?? ""}${renderLabels(labels)} ${value}`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("\n")}\n`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function one(labels: Labels, value: number): readonly Sample[] {
  return [{ labels, value }];
}

function histogram(
  dials: { readonly succeeded: number; readonly buckets: readonly number[]; readonly sumMs: number } | undefined,
  labels: Labels,
): readonly Sample[] {
  if (dials === undefined) return [];
  const buckets = DIAL_BUCKETS_MS.map(
    (bound, index): Sample => ({
      labels: { ...labels, le: String(bound / 1000) },
      value: dials.buckets[index] ?? 0,
      suffix: "_bucket",
    }),
  );
  return [
    ...buckets,
    { labels: { ...labels, le: "+Inf" }, value: dials.succeeded, suffix: "_bucket" },
    { labels, value: dials.sumMs / 1000, suffix: "_sum" },
    { labels, value: dials.succeeded, suffix: "_count" },
  ];
}
