// Data -> tables and figures for people. Pure.
import Table from "cli-table3";

/** One column of a table. */
export type Column<Row> = {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Whether the column gives way when the terminal is narrow; the widest of these shrinks first. */
  readonly shrinks?: boolean;
  readonly align?: "left" | "right";
  /** Whether the column may go where the terminal is too narrow for all; the lowest number goes first. */
  readonly dropsAs?: number;
};

const GAP = 2;
const LEAST_WIDTH = 6;
/** Columns that shrink are worth more than columns that drop, down to this width. */
const FAIR_WIDTH = 14;

/** Renders rows under titles, no wider than `width` where shrinking columns allow it. */
export function renderTable<Row>(rows: readonly Row[], all: readonly Column<Row>[], width: number): string {
  const columns = fitting(rows, all, width);
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map((column) => naturalWidth(rows, column));
  shrink(widths, columns, width);
  const table = new Table({
    head: columns.map((column) => column.title),
    colWidths: widths.map((columnWidth) => columnWidth + GAP),
    colAligns: columns.map((column) => column.align ?? "left"),
    style: { head: [], border: [], "padding-left": 0, "padding-right": GAP },
    chars: NO_BORDERS,
  });
  table.push(...cells);
  return `${table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

/** `1.5 MiB`, for people. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  // From 1023.5 on, rounding would print 1024 of the smaller unit.
  while (value >= (unit === 0 ? 1024 : 1023.5) && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `3.4ms`, `120ms`, or `-` where there is none. */
export function formatRoundTrip(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 10 ? `${ms.toFixed(1)}ms` : `${Math.round(ms)}ms`;
}

/** Without the columns that must go for the others to have room. */
function fitting<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): readonly Column<Row>[] {
  const total = columns.reduce((sum, column) => {
    const natural = naturalWidth(rows, column);
    return sum + GAP + (column.shrinks === true ? Math.min(natural, FAIR_WIDTH) : natural);
  }, -GAP);
  const droppable = columns.filter(({ dropsAs }) => dropsAs !== undefined);
  if (total <= width || droppable.length === 0) return columns;
  const first = droppable.reduce((one, other) => ((one.dropsAs ?? 0) <= (other.dropsAs ?? 0) ? one : other));
  return fitting(
    rows,
    columns.filter((column) => column !== first),
    width,
  );
}

function naturalWidth<Row>(rows: readonly Row[], column: Column<Row>): number {
  return Math.max(column.title.length, ...rows.map((row) => Bun.stringWidth(column.value(row))));
}

function shrink<Row>(widths: number[], columns: readonly Column<Row>[], width: number): void {
  // The gap behind the last column is trimmed.
  const total = (): number => widths.reduce((sum, columnWidth) => sum + columnWidth + GAP, -GAP);
  while (total() > width) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      if (column.shrinks === true && (widths[index] ?? 0) > (widest < 0 ? LEAST_WIDTH : (widths[widest] ?? 0)))
        widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
} as const;
