// The figures as a picture for README: one row of bars for each way to the target, ours in colour. Pure.
import type { Figures, RowFigures, Spread } from "./figures.ts";
import { FAMILIES, type Family } from "./rows.ts";

const WIDTH = 980;
const LEFT = 132;
const ROW_HEIGHT = 19;
const BAR_HEIGHT = 12;
const HEAD_HEIGHT = 78;
const GROUP_HEIGHT = 30;
const FOOT_HEIGHT = 34;
const COLUMN_GAP = 14;
/** Room for the figure behind the longest bar. */
const LABEL_WIDTH = 52;

type Column = {
  readonly title: string;
  readonly hint: string;
  readonly pick: (row: RowFigures) => Spread | undefined;
  readonly format: (value: number) => string;
};

const COLUMNS: readonly Column[] = [
  { title: "Download", hint: "GB/s, more is better", pick: (row) => row.down, format: gigabytes },
  { title: "Upload", hint: "GB/s, more is better", pick: (row) => row.up, format: gigabytes },
  {
    title: "Round trip",
    hint: "µs, less is better",
    pick: (row) => row.roundTripP50,
    format: (value) => value.toFixed(0),
  },
  {
    title: "New connections",
    hint: "thousands/s, 8 clients",
    pick: (row) => row.connects8,
    format: (value) => (value / 1000).toFixed(1),
  },
];

const COLUMN_WIDTH = (WIDTH - LEFT - 20 - COLUMN_GAP * (COLUMNS.length - 1)) / COLUMNS.length;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .paper { fill: #ffffff; stroke: #d1d9e0; }
  .title { font-size: 16px; font-weight: 600; }
  .head { font-weight: 600; }
  .quiet { fill: #59636e; font-size: 11px; }
  .group { font-weight: 600; }
  .line { stroke: #d1d9e0; }
  .bar { fill: #afb8c1; }
  .ours { fill: #1a7f5a; }
  .name-ours { font-weight: 600; fill: #1a7f5a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .paper { fill: #0d1117; stroke: #3d444d; }
    .quiet { fill: #9198a1; }
    .line { stroke: #3d444d; }
    .bar { fill: #565e68; }
    .ours { fill: #3fb68b; }
    .name-ours { fill: #3fb68b; }
  }
`;

/** An SVG document. */
export function drawPicture(figures: Figures): string {
  const groups = FAMILIES.map(([family, title]) => ({ family, title, rows: rowsOf(figures, family) })).filter(
    ({ rows }) => rows.length > 0,
  );
  const body: string[] = [];
  let top = HEAD_HEIGHT;
  for (const { rows, title } of groups) {
    body.push(`<line class="line" x1="16" x2="${WIDTH - 16}" y1="${top + 5}" y2="${top + 5}"/>`);
    body.push(text(16, top + 22, "group", title));
    top += GROUP_HEIGHT;
    for (const row of rows) {
      body.push(drawRow(row, top, rows));
      top += ROW_HEIGHT;
    }
  }
  const height = top + FOOT_HEIGHT;
  const rounds = figures.rounds === 1 ? "One round" : `Medians of ${figures.rounds} rounds`;
  const note = `${rounds} in alternation on one machine (${figures.machine}): compare ratios, not figures.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>Data path of runtunnel beside other relays</title>
<style>${STYLE}</style>
<rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${text(16, 28, "title", "The data path, beside others on the same machine")}
${COLUMNS.map(drawHead).join("\n")}
${body.join("\n")}
${text(16, height - 13, "quiet", note)}
</svg>
`;
}

function rowsOf({ rows }: Figures, family: Family): readonly RowFigures[] {
  return rows.filter((row) => row.family === family);
}

function drawHead({ hint, title }: Column, index: number): string {
  const left = columnLeft(index);
  return `${text(left, 54, "head", title)}\n${text(left, 70, "quiet", hint)}`;
}

function drawRow(row: RowFigures, top: number, group: readonly RowFigures[]): string {
  const isOurs = row.name === "runtunnel";
  const cells = COLUMNS.map((column, index) => drawCell(row, column, columnLeft(index), top, group));
  return [text(24, top + 11, isOurs ? "name-ours" : "", row.name), ...cells].join("\n");
}

/** Bars are as long as the figure, compared with the largest of the group. */
function drawCell(
  row: RowFigures,
  { format, pick }: Column,
  left: number,
  top: number,
  group: readonly RowFigures[],
): string {
  const value = pick(row)?.median;
  if (value === undefined) return text(left, top + 11, "quiet", "-");
  const most = Math.max(...group.map((other) => pick(other)?.median ?? 0));
  const width = Math.max(1, (value / most) * (COLUMN_WIDTH - LABEL_WIDTH));
  const bar = `<rect class="${row.name === "runtunnel" ? "ours" : "bar"}" x="${round(left)}" y="${top + 1}" width="${round(width)}" height="${BAR_HEIGHT}" rx="2"/>`;
  return `${bar}${text(left + width + 5, top + 11, "quiet", format(value))}`;
}

function columnLeft(index: number): number {
  return LEFT + index * (COLUMN_WIDTH + COLUMN_GAP);
}

function text(x: number, y: number, className: string, words: string): string {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text${className === "" ? "" : ` class="${className}"`} x="${round(x)}" y="${y}">${escaped}</text>`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function gigabytes(bytesPerSecond: number): string {
  return (bytesPerSecond / 1e9).toFixed(2);
}
