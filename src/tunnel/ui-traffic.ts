// How much went through each tunnel lately: rates made of the counters that tunnels tell, for the page's plots.
import type { TrafficSample } from "../ui/api.ts";
import type { ListedTunnel } from "./list.ts";

/** Samples kept for each tunnel: ten minutes of one a second. */
const MAX_SAMPLES = 600;

type Counters = { readonly at: number; readonly pid: number; readonly up: number; readonly down: number };

type Track = { last: Counters; readonly samples: TrafficSample[] };

/** Bounded history of all tunnels that are listed; forgets those that are gone. */
export class TrafficHistory {
  readonly #tracks = new Map<string, Track>();

  /** Takes the counters as they are at this moment. */
  note(tunnels: readonly ListedTunnel[], at: number): void {
    const ids = new Set(tunnels.map(({ record }) => record.id));
    for (const id of this.#tracks.keys()) if (!ids.has(id)) this.#tracks.delete(id);
    for (const { record, status } of tunnels) {
      if (status === undefined) continue;
      const counters = { at, pid: record.process?.pid ?? 0, up: status.bytesUp, down: status.bytesDown };
      const track = this.#tracks.get(record.id);
      if (track === undefined) this.#tracks.set(record.id, { last: counters, samples: [] });
      else if (at > track.last.at) advance(track, counters);
    }
  }

  /** Samples of a tunnel that are newer than `since`, oldest first. */
  samples(id: string, since: number): readonly TrafficSample[] {
    return this.#tracks.get(id)?.samples.filter(({ at }) => at > since) ?? [];
  }
}

function advance(track: Track, now: Counters): void {
  const { last, samples } = track;
  track.last = now;
  // A new process counts from zero: the difference would mean nothing.
  if (now.pid !== last.pid) return;
  const seconds = (now.at - last.at) / 1000;
  samples.push({
    at: now.at,
    upPerSecond: Math.max(0, now.up - last.up) / seconds,
    downPerSecond: Math.max(0, now.down - last.down) / seconds,
  });
  if (samples.length > MAX_SAMPLES) samples.shift();
}
