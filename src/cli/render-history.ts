// How a tunnel has been lately, as rows of small bars for `status`. Pure.
import { formatDuration } from "../domain/duration.ts";
import type { TunnelStatus } from "../tunnel/list.ts";
import { formatBytes, formatRoundTrip } from "./output.ts";
import { condense, sparkline } from "./sparkline.ts";

type Samples = NonNullable<TunnelStatus["history"]>;

/** Title, figures in front and behind take so much of a line. */
const ROOM_BESIDE = 46;
const LEAST_BARS = 10;
const MOST_BARS = 60;

/** Rows of title and text; none where nothing has been measured. */
export function historyRows(samples: Samples | undefined, columns: number): [string, string][] {
  if (samples === undefined || samples.length === 0) return [];
  const width = Math.min(MOST_BARS, Math.max(LEAST_BARS, columns - ROOM_BESIDE));
  const span = `in ${formatDuration(samples.reduce((sum, { forMs }) => sum + forMs, 0))}`;
  return [
    ...roundTripRow(samples, width, span),
    ...trafficRow("Traffic up", samples, ({ bytesUp }) => bytesUp, width, span),
    ...trafficRow("Traffic down", samples, ({ bytesDown }) => bytesDown, width, span),
  ];
}

/** Round trips are rare while nobody connects: those that were measured stand side by side. */
function roundTripRow(samples: Samples, width: number, span: string): [string, string][] {
  const known = samples.map(({ roundTripMs }) => roundTripMs).filter((ms) => ms !== undefined);
  if (known.length === 0) return [];
  const least = formatRoundTrip(Math.min(...known));
  const most = formatRoundTrip(Math.max(...known));
  const range = least === most ? most : `${least} to ${most}`;
  return [["Round trips", `${sparkline(condense(known, width))}  ${range} ${span}`]];
}

function trafficRow(
  title: string,
  samples: Samples,
  bytesOf: (sample: Samples[number]) => number,
  width: number,
  span: string,
): [string, string][] {
  const rates = samples.map((sample) => (bytesOf(sample) * 1000) / Math.max(1, sample.forMs));
  const most = Math.max(...rates);
  if (most === 0) return [];
  return [[title, `${sparkline(condense(rates, width))}  at most ${formatBytes(most)}/s ${span}`]];
}
