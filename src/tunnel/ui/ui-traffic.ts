// How much went through each tunnel lately: rates made of the counters that tunnels tell while somebody looks, and of what
// they have kept themselves for the time when nobody did.
import type { TrafficSample } from "../../ui/api.ts";
import type { TunnelStatus } from "../control/control-protocol.ts";
import type { ListedTunnel } from "../list.ts";

/** Samples kept for each tunnel: ten minutes of one a second. */
const MAX_SAMPLES = 600;

/** Looks further apart than this say too little: the tunnels' own samples, one in ten seconds, say more. */
export const MAX_STEP_MS = 12_000;

/** Rates over less than this are noise. */
const MIN_SAMPLE_MS = 100;

type Counters = { readonly at: number; readonly pid: number; readonly up: number; readonly down: number };

type Track = { last: Counters | undefined; readonly samples: TrafficSample[] };

/** Bounded history of all tunnels that are listed; forgets those that are gone. */
export class TrafficHistory {
  readonly #tracks = new Map<string, Track>();

  /** Takes the counters as they are at this moment, and what the tunnels remember, where they were asked. */
  note(tunnels: readonly ListedTunnel[], at: number): void {
    const ids = new Set(tunnels.map(({ record }) => record.id));
    for (const id of this.#tracks.keys()) if (!ids.has(id)) this.#tracks.delete(id);
    for (const { record, status } of tunnels) {
      if (status === undefined) continue;
      const track = this.#tracks.get(record.id) ?? { last: undefined, samples: [] };
      this.#tracks.set(record.id, track);
      const counters = { at, pid: record.process?.pid ?? 0, up: status.bytesUp, down: status.bytesDown };
      fill(track, status.history ?? [], at);
      advance(track, counters);
      if (track.samples.length > MAX_SAMPLES) track.samples.splice(0, track.samples.length - MAX_SAMPLES);
    }
  }

  /** Samples of a tunnel that are newer than `since`, oldest first. */
  samples(id: string, since: number): readonly TrafficSample[] {
    return this.#tracks.get(id)?.samples.filter(({ at }) => at > since) ?? [];
  }
}

/** What the tunnel remembers of the time since the last sample. */
function fill({ samples }: Track, remembered: NonNullable<TunnelStatus["history"]>, now: number): void {
  const last = samples.at(-1)?.at ?? 0;
  for (const { at, bytesDown, bytesUp, forMs } of remembered) {
    if (at <= last || at > now || forMs < MIN_SAMPLE_MS) continue;
    samples.push({ at, upPerSecond: (bytesUp / forMs) * 1000, downPerSecond: (bytesDown / forMs) * 1000 });
  }
}

function advance(track: Track, now: Counters): void {
  const { last, samples } = track;
  if (last !== undefined && now.at <= last.at) return;
  track.last = now;
  // A new process counts from zero: the difference would mean nothing.
  if (last === undefined || now.pid !== last.pid || now.at - last.at > MAX_STEP_MS) return;
  const seconds = (now.at - last.at) / 1000;
  samples.push({
    at: now.at,
    upPerSecond: Math.max(0, now.up - last.up) / seconds,
    downPerSecond: Math.max(0, now.down - last.down) / seconds,
  });
}
