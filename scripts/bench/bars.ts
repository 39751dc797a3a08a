// The bars that the data path has to clear, and whether it did. Pure.
import { type Figures, findRow, type Memory, type RowFigures, type Spread } from "./figures.ts";
import type { Family } from "./rows.ts";

/** One bar. */
export type Bar = {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly sense: "at least" | "at most";
  readonly unit: string;
  readonly isMet: boolean;
};

const MIB = 1024 ** 2;

/** Memory counts as flat when it grows by less than this over the rest of a load: code is still read and compiled then. */
const FLAT_MIB = 8;

type Flow = "down" | "up";

/** Every bar that can be judged with the figures there are. */
export function judge(figures: Figures): readonly Bar[] {
  const bars = [...judgePath(figures), ...judgeRest(figures)];
  return figures.memory === undefined ? bars : [...bars, ...judgeMemory(figures.memory)];
}

function judgePath(figures: Figures): readonly Bar[] {
  const ours = (family: Family): RowFigures | undefined => findRow(figures, family, "runtunnel");
  const flows = (family: Family, other: RowFigures | undefined, name: string, limit: number): readonly Bar[] =>
    (["down", "up"] as const).flatMap((flow) => flowBar(`${name}, ${flow}`, ours(family), other, flow, limit));
  const haproxy = findRow(figures, "direct", "HAProxy");
  return [
    ...flows("direct", haproxy, "straight / HAProxy", 1.1),
    ...flows("direct", findRow(figures, "direct", "socat"), "straight / socat", 2.3),
    ...flows("direct", findRow(figures, "direct", "polling loop"), "straight / polling loop", 70),
    ...roundTripBars(ours("direct"), haproxy),
    ...connectBars(ours("direct"), haproxy),
    ...flows("squid", findRow(figures, "squid", "native"), "squid / native client", 0.9),
    ...flows("squid", findRow(figures, "squid", "socat"), "squid / socat PROXY", 1.8),
    ...flows("websockify", findRow(figures, "websockify", "native"), "websockify / native client", 0.85),
    ...flows("sandbox", findRow(figures, "sandbox", "native"), "sandbox / native client", 0.85),
    ...flows("sandbox", findRow(figures, "pair", "wstunnel (npm)"), "sandbox / npm wstunnel", 2),
  ];
}

function flowBar(
  name: string,
  ours: RowFigures | undefined,
  other: RowFigures | undefined,
  flow: Flow,
  limit: number,
): readonly Bar[] {
  return ratioBar(name, ours?.[flow], other?.[flow], limit);
}

function ratioBar(name: string, ours: Spread | undefined, other: Spread | undefined, limit: number): readonly Bar[] {
  if (ours === undefined || other === undefined) return [];
  return [atLeast(name, ours.median / other.median, limit, "x")];
}

function roundTripBars(ours: RowFigures | undefined, haproxy: RowFigures | undefined): readonly Bar[] {
  const [ourP50, ourP99, p50, p99] = [
    ours?.roundTripP50,
    ours?.roundTripP99,
    haproxy?.roundTripP50,
    haproxy?.roundTripP99,
  ];
  if (ourP50 === undefined || ourP99 === undefined || p50 === undefined || p99 === undefined) return [];
  return [
    atMost("round trip p50 over HAProxy's", ourP50.median - p50.median, 5, " µs"),
    atMost("round trip p99 / HAProxy", ourP99.median / p99.median, 1.2, "x"),
  ];
}

function connectBars(ours: RowFigures | undefined, haproxy: RowFigures | undefined): readonly Bar[] {
  return [
    ...ratioBar("connections/s, 1 client / HAProxy", ours?.connects1, haproxy?.connects1, 1),
    ...ratioBar("connections/s, 8 clients / HAProxy", ours?.connects8, haproxy?.connects8, 0.9),
  ];
}

function judgeRest({ rest, startUp }: Figures): readonly Bar[] {
  const bars: Bar[] = [];
  if (startUp !== undefined) bars.push(atMost("--version", startUp.version.median, 60, " ms"));
  if (rest !== undefined) {
    bars.push(atMost("memory of an idle tunnel of three (PSS)", Math.max(...rest.pssBytes) / MIB, 20, " MiB"));
    bars.push(atMost("processor time of an idle tunnel", Math.max(...rest.cpuShare) * 100, 0.1, " %"));
  }
  return bars;
}

function judgeMemory(memory: Memory): readonly Bar[] {
  const growth = (first: number, all: number): number => (all - first) / MIB;
  const { afterAllGiBBytes, afterAllShortBytes, afterFirstGiBBytes, afterFirstShortBytes } = memory;
  return [
    atMost("memory of an idle connection", memory.perIdleConnectionBytes / 1024, 16, " KiB"),
    atLeast(`connections held of ${memory.asked}`, memory.held, memory.asked, ""),
    atMost("memory over idle while readers stall", growth(memory.restBytes, memory.stalledBytes), 64, " MiB"),
    atMost(
      `memory growth over ${memory.movedGiB.toFixed(1)} GiB`,
      growth(afterFirstGiBBytes, afterAllGiBBytes),
      FLAT_MIB,
      " MiB",
    ),
    atMost(
      `memory growth over ${memory.shortConnections} short connections`,
      growth(afterFirstShortBytes, afterAllShortBytes),
      FLAT_MIB,
      " MiB",
    ),
    atMost("descriptors left open", memory.descriptorsAfter - memory.descriptorsBefore, 0, ""),
  ];
}

function atLeast(name: string, value: number, limit: number, unit: string): Bar {
  return { name, value, limit, sense: "at least", unit, isMet: value >= limit };
}

function atMost(name: string, value: number, limit: number, unit: string): Bar {
  return { name, value, limit, sense: "at most", unit, isMet: value <= limit };
}
