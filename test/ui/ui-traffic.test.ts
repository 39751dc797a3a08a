import { describe, expect, test } from "bun:test";
import type { ListedTunnel } from "../../src/tunnel/list.ts";
import { TrafficHistory } from "../../src/tunnel/ui/ui-traffic.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";

type Remembered = NonNullable<NonNullable<ListedTunnel["status"]>["history"]>;

function listed(bytesUp: number, bytesDown: number, pid = 101, history?: Remembered): ListedTunnel {
  return {
    record: makeRecord({ id: "a", process: makeIdentity(pid) }),
    state: "healthy",
    status: {
      health: { state: "healthy", since: 0, failuresInRow: 0 },
      route: "",
      incarnation: "",
      openConnections: 0,
      totalConnections: 0,
      failedConnections: 0,
      bytesUp,
      bytesDown,
      inFlightBytes: 0,
      probes: [],
      outages: [],
      ...(history === undefined ? {} : { history }),
    },
  };
}

describe("TrafficHistory", () => {
  test("makes rates of counters", () => {
    const history = new TrafficHistory();
    history.note([listed(0, 100)], 1000);
    history.note([listed(500, 2100)], 2000);
    history.note([listed(500, 2100)], 4000);
    expect(history.samples("a", 0)).toEqual([
      { at: 2000, upPerSecond: 500, downPerSecond: 2000 },
      { at: 4000, upPerSecond: 0, downPerSecond: 0 },
    ]);
    expect(history.samples("a", 2000).map(({ at }) => at)).toEqual([4000]);
    expect(history.samples("b", 0)).toEqual([]);
  });

  test("begins anew with another process, and ignores a moment that is not later", () => {
    const history = new TrafficHistory();
    history.note([listed(0, 9000)], 1000);
    history.note([listed(0, 10, 102)], 2000);
    history.note([listed(0, 20, 102)], 2000);
    history.note([listed(0, 110, 102)], 3000);
    expect(history.samples("a", 0)).toEqual([{ at: 3000, upPerSecond: 0, downPerSecond: 100 }]);
  });

  test("takes from the tunnel what happened while nobody looked, once", () => {
    const remembered = (at: number, forMs = 10_000) => ({ at, forMs, bytesUp: 10_000, bytesDown: 20_000 });
    const history = new TrafficHistory();
    history.note([listed(0, 0, 101, [remembered(10_000), remembered(20_000), remembered(20_100, 99)])], 20_200);
    expect(history.samples("a", 0)).toEqual([
      { at: 10_000, upPerSecond: 1000, downPerSecond: 2000 },
      { at: 20_000, upPerSecond: 1000, downPerSecond: 2000 },
    ]);
    history.note([listed(0, 100)], 21_200);
    history.note([listed(0, 999_999)], 60_000);
    const again = [remembered(20_000), remembered(30_000), remembered(70_000), remembered(999_999)];
    history.note([listed(0, 999_999, 101, again)], 80_000);
    history.note([listed(0, 1_000_999)], 81_000);
    expect(history.samples("a", 0).map(({ at }) => at)).toEqual([10_000, 20_000, 21_200, 30_000, 70_000, 81_000]);
  });

  test("forgets tunnels that are gone, and the oldest samples", () => {
    const history = new TrafficHistory();
    for (let second = 0; second <= 700; second += 1) history.note([listed(0, second)], second * 1000);
    expect(history.samples("a", 0)).toHaveLength(600);
    expect(history.samples("a", 0)[0]?.at).toBe(101_000);
    history.note([], 800_000);
    history.note([listed(0, 0)], 801_000);
    expect(history.samples("a", 0)).toEqual([]);
  });
});
