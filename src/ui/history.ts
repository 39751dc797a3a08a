// The page's memory of each tunnel, grown from what every answer adds. Pure.
import type { RoundTripSample, TrafficSample, UiState, UiTunnel } from "./api.ts";

/** How far back the plots reach at most. */
export const WINDOW_MS = 10 * 60_000;

/** And at least, so that the first samples do not fill the whole width. */
const LEAST_WINDOW_MS = 2 * 60_000;

/** Two looks further apart than this leave a gap in a plot. */
const GAP_MS = 12_000;

/** Adds an answer to what was known; tunnels that are gone are forgotten. */
export function mergeState(known: UiState | undefined, answer: UiState): UiState {
  const before = new Map(known?.tunnels.map((tunnel) => [tunnel.id, tunnel]));
  return { ...answer, tunnels: answer.tunnels.map((tunnel) => mergeTunnel(before.get(tunnel.id), tunnel, answer.now)) };
}

function mergeTunnel(known: UiTunnel | undefined, added: UiTunnel, now: number): UiTunnel {
  if (known === undefined) return added;
  return {
    ...added,
    traffic: append(known.traffic, added.traffic, now),
    // Failed probes have no other place: a tunnel that cannot be asked keeps what it said.
    roundTrips: append(known.roundTrips, added.roundTrips, now),
  };
}

function append<Sample extends { readonly at: number }>(
  known: readonly Sample[],
  added: readonly Sample[],
  now: number,
): readonly Sample[] {
  const last = known.at(-1)?.at ?? 0;
  return [...known, ...added.filter(({ at }) => at > last)].filter(({ at }) => at > now - WINDOW_MS);
}

/** How much of the past there is to show. */
export function windowOf({ roundTrips, traffic }: Pick<UiTunnel, "roundTrips" | "traffic">, now: number): number {
  const first = Math.min(traffic[0]?.at ?? now, roundTrips[0]?.at ?? now);
  return Math.min(WINDOW_MS, Math.max(LEAST_WINDOW_MS, now - first));
}

/** A plot's columns: times in seconds, then one column for each series; null where nothing is known. */
export type PlotColumns = readonly (readonly (number | null)[])[];

/** Times, bytes down, bytes up. */
export function trafficColumns(samples: readonly TrafficSample[]): PlotColumns {
  const times: number[] = [];
  const down: (number | null)[] = [];
  const up: (number | null)[] = [];
  let last = samples[0]?.at ?? 0;
  for (const { at, downPerSecond, upPerSecond } of samples) {
    if (at - last > GAP_MS) {
      times.push((last + 1) / 1000);
      down.push(null);
      up.push(null);
    }
    times.push(at / 1000);
    down.push(downPerSecond);
    up.push(upPerSecond);
    last = at;
  }
  return [times, down, up];
}

/** Times, round trips, failures (at the bottom line). */
export function roundTripColumns(samples: readonly RoundTripSample[]): PlotColumns {
  return [
    samples.map(({ at }) => at / 1000),
    samples.map(({ roundTripMs }) => roundTripMs ?? null),
    samples.map(({ ok }) => (ok ? null : 0)),
  ];
}
