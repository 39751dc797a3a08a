// The figures as text for a terminal. Pure.
import Table from "cli-table3";
import type { Bar } from "./bars.ts";
import type { Figures, Memory, Rest, RowFigures, Spread, StartUp } from "./figures.ts";
import { FAMILIES } from "./rows.ts";

const MIB = 1024 ** 2;

/** So much other work may be in a run that is worth keeping. */
const TOLERATED_BUSY_SHARE = 0.1;

/** Everything, bars last. */
export function renderReport(figures: Figures, bars: readonly Bar[]): string {
  const parts = [renderRows(figures)];
  if (figures.startUp !== undefined) parts.push(renderStartUp(figures.startUp));
  if (figures.rest !== undefined) parts.push(renderRest(figures.rest));
  if (figures.memory !== undefined) parts.push(renderMemory(figures.memory));
  parts.push(renderBars(bars));
  if (figures.busyShare > TOLERATED_BUSY_SHARE) {
    const percent = Math.round(figures.busyShare * 100);
    parts.push(`Other work kept the machine busy before ${percent} % of the measures: repeat on a quiet machine.`);
  }
  if (figures.missing.length > 0) parts.push(`Not installed, so not measured: ${figures.missing.join(", ")}`);
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function renderRows({ rows, rounds }: Figures): string {
  const tables = FAMILIES.flatMap(([family, title]) => {
    const members = rows.filter((row) => row.family === family);
    if (members.length === 0) return [];
    const head = [title, "down MB/s", "up MB/s", "p50 µs", "p99 µs", "conn/s x1", "conn/s x8", "failed", "CPU s/GiB"];
    return [renderTable(head, members.map(renderRow))];
  });
  if (tables.length === 0) return "";
  const note = `Medians of ${rounds} round${rounds === 1 ? "" : "s"} (least-most); p50 and p99 of a round trip of 64 bytes, cores awake.`;
  return [...tables, note].join("\n\n");
}

function renderRow(row: RowFigures): readonly string[] {
  return [
    row.name,
    range(row.down, 1e6, 0),
    range(row.up, 1e6, 0),
    range(row.roundTripP50, 1, 1),
    range(row.roundTripP99, 1, 1),
    range(row.connects1, 1, 0),
    range(row.connects8, 1, 0),
    String(row.failedConnects),
    row.cpuSecondsPerGiB?.toFixed(2) ?? "-",
  ];
}

function range(spread: Spread | undefined, unit: number, digits: number): string {
  if (spread === undefined) return "-";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => (value / unit).toFixed(digits));
  return `${median} (${min}-${max})`;
}

function renderStartUp({ list, start, stop, version }: StartUp): string {
  const row = (name: string, spread: Spread): readonly string[] => [name, range(spread, 1, 0)];
  return renderTable(
    ["Command", "ms"],
    [row("--version", version), row("list, three tunnels", list), row("start", start), row("stop", stop)],
  );
}

function renderRest({ cpuShare, pssBytes }: Rest): string {
  const rows = pssBytes.map((bytes, index) => [
    `tunnel ${index + 1} of ${pssBytes.length}`,
    (bytes / MIB).toFixed(1),
    ((cpuShare[index] ?? 0) * 100).toFixed(3),
  ]);
  return renderTable(["At rest", "PSS MiB", "CPU %"], rows);
}

function renderMemory(memory: Memory): string {
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  return renderTable(
    ["Memory of one tunnel", "PSS MiB"],
    [
      ["at rest", mib(memory.restBytes)],
      [`${memory.held} idle connections`, mib(memory.withAllHeldBytes)],
      ["1,000 idle connections more", mib(memory.perIdleConnectionBytes * 1000)],
      ["readers that stall", mib(memory.stalledBytes)],
      [`a tenth of ${memory.movedGiB.toFixed(1)} GiB`, mib(memory.afterFirstGiBBytes)],
      [`${memory.movedGiB.toFixed(1)} GiB`, mib(memory.afterAllGiBBytes)],
      [`a quarter of ${memory.shortConnections} short connections`, mib(memory.afterFirstShortBytes)],
      [`${memory.shortConnections} short connections`, mib(memory.afterAllShortBytes)],
    ],
  );
}

function renderBars(bars: readonly Bar[]): string {
  const rows = bars.map(({ isMet, limit, name, sense, unit, value }) => [
    isMet ? "met" : "MISSED",
    name,
    `${formatValue(value)}${unit}`,
    `${sense} ${limit}${unit}`,
  ]);
  return renderTable(["", "Bar", "Measured", "Wanted"], rows);
}

/** Two digits behind the point where they say something. */
function formatValue(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(2);
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = Object.fromEntries(
    ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"]
      .concat(["left", "left-mid", "mid", "mid-mid", "right", "right-mid"])
      .map((edge) => [edge, ""]),
  );
  const table = new Table({
    head: [...head],
    chars: { ...none, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    colAligns: head.map((_, index) => (index === 0 || head[0] === "" ? "left" : "right")),
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
