import { describe, expect, test } from "bun:test";
import { type Bar, judge } from "../../scripts/bench/bars.ts";
import { type Figures, type Memory, type RowFigures, type Spread, spreadOf } from "../../scripts/bench/figures.ts";
import { drawPicture } from "../../scripts/bench/picture.ts";
import { renderReport } from "../../scripts/bench/report.ts";
import type { Family } from "../../scripts/bench/rows.ts";
import { parseXml } from "../support/strict-xml.ts";

function exactly(median: number): Spread {
  return { median, min: median, max: median };
}

function row(name: string, family: Family, figure: number): RowFigures {
  const spread = exactly(figure);
  return {
    name,
    family,
    down: spread,
    up: spread,
    roundTripP50: spread,
    roundTripP99: spread,
    connects1: spread,
    connects8: spread,
    failedConnects: 0,
  };
}

const MIB = 1024 ** 2;

const MEMORY: Memory = {
  restBytes: 40 * MIB,
  perIdleConnectionBytes: 5 * 1024,
  asked: 10_000,
  held: 10_000,
  withAllHeldBytes: 90 * MIB,
  stalledBytes: 60 * MIB,
  movedGiB: 10,
  afterFirstGiBBytes: 50 * MIB,
  afterAllGiBBytes: 51 * MIB,
  shortConnections: 20_000,
  afterFirstShortBytes: 50 * MIB,
  afterAllShortBytes: 50 * MIB,
  descriptorsBefore: 12,
  descriptorsAfter: 12,
};

const FIGURES: Figures = {
  commit: "abc",
  machine: "2 cores, <a & b>",
  rounds: 5,
  busyShare: 0.25,
  missing: ["socat"],
  rows: [
    row("no relay", "direct", 400),
    row("runtunnel", "direct", 120),
    row("HAProxy", "direct", 100),
    row("native", "squid", 100),
    row("runtunnel", "squid", 80),
  ],
  startUp: { version: exactly(40), list: exactly(70), start: exactly(60), stop: exactly(60) },
  rest: { pssBytes: [19 * MIB, 21 * MIB], cpuShare: [0.0001, 0.0002] },
  memory: MEMORY,
};

function find(bars: readonly Bar[], name: string): Bar {
  const found = bars.find((bar) => bar.name === name);
  if (found === undefined) throw new Error(`There is no bar "${name}" in: ${bars.map((bar) => bar.name).join("; ")}`);
  return found;
}

describe("spreadOf()", () => {
  test.each([
    [[3], exactly(3)],
    [[5, 1, 3], { median: 3, min: 1, max: 5 }],
    [[4, 1, 2, 3], { median: 2.5, min: 1, max: 4 }],
  ])("finds the middle and the range of %p", (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  test("knows nothing of no values", () => {
    expect(spreadOf([])).toBeUndefined();
  });
});

describe("judge()", () => {
  const bars = judge(FIGURES);

  test.each([
    ["straight / HAProxy, down", 1.2, true],
    ["round trip p50 over HAProxy's", 20, false],
    ["round trip p99 / HAProxy", 1.2, true],
    ["connections/s, 8 clients / HAProxy", 1.2, true],
    ["squid / native client, up", 0.8, false],
    ["--version", 40, true],
    ["memory of an idle tunnel of three (PSS)", 21, false],
    ["processor time of an idle tunnel", 0.02, true],
    ["connections held of 10000", 10_000, true],
    ["memory over idle while readers stall", 20, true],
    ["memory growth over 10.0 GiB", 1, true],
    ["descriptors left open", 0, true],
  ])("%s: %p", (name, value, isMet) => {
    const bar = find(bars, name);
    expect(bar.value).toBeCloseTo(value);
    expect(bar.isMet).toBe(isMet);
  });

  test("judges nothing that was not measured", () => {
    expect(bars.some(({ name }) => name.includes("socat") || name.includes("websockify"))).toBe(false);
    expect(judge({ ...FIGURES, rows: [] }).some(({ unit }) => unit === "x")).toBe(false);
  });

  test("misses a bar for a descriptor that is left and a connection that is lost", () => {
    const worse = judge({ ...FIGURES, memory: { ...MEMORY, descriptorsAfter: 13, held: 9_999 } });
    expect(find(worse, "descriptors left open").isMet).toBe(false);
    expect(find(worse, "connections held of 10000").isMet).toBe(false);
  });
});

describe("renderReport()", () => {
  test("shows figures, bars and what is missing", () => {
    const text = renderReport(FIGURES, judge(FIGURES));
    expect(text).toContain("Straight to the port");
    expect(text).toMatch(/^MISSED +squid \/ native client, up +0\.80x +at least 0\.9x$/m);
    expect(text).toContain("Not installed, so not measured: socat");
    expect(text).toContain("busy before 25 % of the measures");
    expect(renderReport({ ...FIGURES, busyShare: 0.05 }, [])).not.toContain("busy before");
  });
});

describe("drawPicture()", () => {
  test("draws well-formed XML with our rows in colour and text escaped", () => {
    const picture = drawPicture(FIGURES);
    expect(() => parseXml(picture)).not.toThrow();
    expect(picture).toContain("&lt;a &amp; b>");
    expect(picture.match(/class="ours"/g)?.length).toBe(8);
    expect(picture).not.toContain("NaN");
  });
});
