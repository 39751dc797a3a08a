// What went through a tunnel in the last half hour, in its own process, bounded: for whoever asks how it has been.
import type { Clock } from "../domain/clock.ts";
import type { TrafficSample } from "./control/control-protocol.ts";

/** Length of one sample. As often as other ticks of the tunnel, so that an idle one costs nothing more. */
export const SAMPLE_MS = 10_000;

/** Samples kept: half an hour. */
const KEPT_SAMPLES = 180;

/** What the data path counts. */
export type TrafficCounters = { readonly bytesUp: number; readonly bytesDown: number };

/** The history of one tunnel. `run` serves until the signal is aborted. */
export class TunnelHistory {
  readonly #clock: Clock;
  readonly #read: () => TrafficCounters;
  readonly #samples: TrafficSample[] = [];
  #last: TrafficCounters = { bytesUp: 0, bytesDown: 0 };
  #lastMs: number;
  #roundTrips = 0;
  #roundTripSumMs = 0;

  constructor(clock: Clock, read: () => TrafficCounters) {
    this.#clock = clock;
    this.#read = read;
    this.#lastMs = clock.monotonicMs();
  }

  /** A dial or a probe took so long. */
  noteRoundTrip(roundTripMs: number): void {
    this.#roundTrips += 1;
    this.#roundTripSumMs += roundTripMs;
  }

  /** All samples, oldest first; the last one is what has come together since. */
  get samples(): readonly TrafficSample[] {
    return [...this.#samples, this.#take()];
  }

  /** Takes samples until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SAMPLE_MS, signal).catch(() => undefined);
      if (!signal.aborted) this.#keep();
    }
  }

  #keep(): void {
    this.#samples.push(this.#take());
    if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
    this.#last = this.#read();
    this.#lastMs = this.#clock.monotonicMs();
    this.#roundTrips = 0;
    this.#roundTripSumMs = 0;
  }

  #take(): TrafficSample {
    const now = this.#read();
    return {
      at: this.#clock.now(),
      forMs: Math.round(this.#clock.monotonicMs() - this.#lastMs),
      bytesUp: now.bytesUp - this.#last.bytesUp,
      bytesDown: now.bytesDown - this.#last.bytesDown,
      ...(this.#roundTrips === 0 ? {} : { roundTripMs: this.#roundTripSumMs / this.#roundTrips }),
    };
  }
}
