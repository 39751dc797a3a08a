// The two plots of a tunnel: how long the way is, and how much goes through.
import { useMemo } from "preact/hooks";
import type { UiTunnel } from "./api.ts";
import { count, formatRate, formatRoundTrip } from "./format.ts";
import { roundTripColumns, trafficColumns, windowOf } from "./history.ts";
import { Icon } from "./icon.tsx";
import { type Line, Plot } from "./plot.tsx";

type PlotsProps = { readonly tunnel: UiTunnel; readonly now: number; readonly height: number };

const ROUND_TRIP_LINES: readonly Line[] = [
  { title: "Round trip", color: "plot-trip", isJoined: true },
  { title: "Failed", color: "bad", isMarks: true },
];
const TRAFFIC_LINES: readonly Line[] = [
  { title: "Down", color: "plot-down", isFilled: true },
  { title: "Up", color: "plot-up" },
];
const LEAST_ROUND_TRIP_MS = 5;
const LEAST_RATE = 1024;

/** Side by side, or one below the other where it is narrow. */
export function TunnelPlots(props: PlotsProps) {
  return (
    <div class="plots">
      <RoundTripPlot {...props} />
      <TrafficPlot {...props} />
    </div>
  );
}

function RoundTripPlot({ height, now, tunnel }: PlotsProps) {
  const { figures, name, roundTrips } = tunnel;
  const columns = useMemo(() => roundTripColumns(roundTrips), [roundTrips]);
  const latest = figures?.roundTripMs === undefined ? "not measured" : formatRoundTrip(figures.roundTripMs);
  const failed = roundTrips.filter(({ ok }) => !ok).length;
  const measured = roundTrips.flatMap(({ roundTripMs }) => (roundTripMs === undefined ? [] : [roundTripMs]));
  const range =
    measured.length === 0
      ? ""
      : `, between ${formatRoundTrip(Math.min(...measured))} and ${formatRoundTrip(Math.max(...measured))}`;
  const label = `Round trip of ${name}: now ${latest}${range}, ${count(failed, "failed probe")}`;
  return (
    <figure>
      <figcaption>
        <span>Round trip</span>
        <strong>{figures?.roundTripMs === undefined ? "–" : latest}</strong>
      </figcaption>
      <Plot
        label={label}
        lines={ROUND_TRIP_LINES}
        columns={columns}
        now={now}
        windowMs={windowOf(tunnel, now)}
        height={height}
        format={formatRoundTrip}
        least={LEAST_ROUND_TRIP_MS}
      />
    </figure>
  );
}

function TrafficPlot({ height, now, tunnel }: PlotsProps) {
  const { name, traffic } = tunnel;
  const columns = useMemo(() => trafficColumns(traffic), [traffic]);
  const last = traffic.at(-1);
  const down = formatRate(last?.downPerSecond ?? 0);
  const up = formatRate(last?.upPerSecond ?? 0);
  const most = formatRate(
    Math.max(0, ...traffic.map(({ downPerSecond, upPerSecond }) => Math.max(downPerSecond, upPerSecond))),
  );
  const label = `Traffic of ${name}: now ${down} down and ${up} up, at most ${most}`;
  return (
    <figure>
      <figcaption>
        <span>Traffic</span>
        <strong class="rate rate-down">
          <Icon name="down" />
          {down}
        </strong>
        <strong class="rate rate-up">
          <Icon name="up" />
          {up}
        </strong>
      </figcaption>
      <Plot
        label={label}
        lines={TRAFFIC_LINES}
        columns={columns}
        now={now}
        windowMs={windowOf(tunnel, now)}
        height={height}
        format={formatRate}
        isBinary
        least={LEAST_RATE}
      />
    </figure>
  );
}
