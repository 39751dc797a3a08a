import { describe, expect, test } from "bun:test";
import { SAMPLE_MS, TunnelHistory } from "../../src/tunnel/tunnel-history.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("TunnelHistory", () => {
  test("tells what went through in each span, and what has come together since", async () => {
    const clock = new FakeClock();
    const counters = { bytesUp: 100, bytesDown: 7 };
    const stop = new AbortController();
    const history = new TunnelHistory(clock, () => ({ ...counters }));
    const running = history.run(stop.signal);
    history.noteRoundTrip(10);
    history.noteRoundTrip(30);
    await clock.advance(SAMPLE_MS);
    counters.bytesUp = 150;
    await clock.advance(4000);
    const start = Date.UTC(2024, 0, 1);
    expect(history.samples).toEqual([
      { at: start + SAMPLE_MS, forMs: SAMPLE_MS, bytesUp: 100, bytesDown: 7, roundTripMs: 20 },
      { at: start + SAMPLE_MS + 4000, forMs: 4000, bytesUp: 50, bytesDown: 0 },
    ]);
    stop.abort();
    await running;
  });

  test("keeps half an hour and no more", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const history = new TunnelHistory(clock, () => ({ bytesUp: 0, bytesDown: 0 }));
    const running = history.run(stop.signal);
    for (let span = 0; span < 400; span += 1) await clock.advance(SAMPLE_MS);
    const { samples } = history;
    expect(samples.slice(0, -1).reduce((sum, { forMs }) => sum + forMs, 0)).toBe(30 * 60_000);
    stop.abort();
    await running;
  });
});
