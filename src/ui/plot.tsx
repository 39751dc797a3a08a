// A small live plot over the last minutes. The canvas means nothing to a screen reader: its label says it in words.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { PlotColumns } from "./history.ts";
import { useIsDark } from "./theme.tsx";

/** One line of a plot. */
export type Line = {
  readonly title: string;
  /** Name of a colour in style.css. */
  readonly color: string;
  readonly isFilled?: boolean;
  /** Marks only, nothing between them. */
  readonly isMarks?: boolean;
  /** Joins points that are far apart. */
  readonly isJoined?: boolean;
};

type PlotProps = {
  readonly label: string;
  readonly lines: readonly Line[];
  readonly columns: PlotColumns;
  /** Milliseconds since 1970 at the right edge. */
  readonly now: number;
  /** How much of the past is shown. */
  readonly windowMs: number;
  readonly height: number;
  readonly format: (value: number) => string;
  /** Whether round numbers are those of bytes. */
  readonly isBinary?: boolean;
  /** The scale never ends below this, so that noise does not look like mountains. */
  readonly least: number;
};

/** Steps of a scale of bytes. */
const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** Draws, and follows size, theme and data. */
export function Plot(props: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const isDark = useIsDark();
  // Colours are read when the plot is made, so that another theme makes it anew.
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(latest, element), dataOf(latest.current.columns), element);
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: latest.current.height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [isDark]);
  const { columns, now } = props;
  useEffect(() => plot.current?.setData(dataOf(columns)), [columns, now]);
  return <div class="plot" ref={place} role="img" aria-label={props.label} />;
}

function optionsOf(latest: { readonly current: PlotProps }, element: HTMLElement): uPlot.Options {
  const { height, lines } = latest.current;
  const color = (name: string): string => readColor(element, name);
  const font = `10px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: color("muted"), font, ticks: { show: false }, gap: 4 };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: {
      x: { range: () => [(latest.current.now - latest.current.windowMs) / 1000, latest.current.now / 1000] },
      y: { range: (_plot, _least, most) => [0, Math.max(latest.current.least, most * 1.15)] },
    },
    axes: [
      {
        ...axis,
        size: 20,
        gap: 6,
        space: 56,
        grid: { show: false },
        values: (_plot, times) => times.map(clockTime),
      },
      {
        ...axis,
        size: 54,
        space: 26,
        grid: { stroke: color("grid"), width: 1 },
        ...(latest.current.isBinary === true ? { incrs: POWERS_OF_TWO } : {}),
        values: (_plot, values) => values.map((value) => latest.current.format(value)),
      },
    ],
    series: [{}, ...lines.map((line) => seriesOf(line, color))],
  };
}

function seriesOf(
  { color: name, isFilled, isJoined, isMarks, title }: Line,
  color: (name: string) => string,
): uPlot.Series {
  const stroke = color(name);
  return {
    label: title,
    stroke,
    width: 1.5,
    ...(isFilled === true ? { fill: color(`${name}-soft`) } : {}),
    ...(isMarks === true ? { paths: () => null } : {}),
    spanGaps: isJoined === true,
    points: { show: isMarks === true || isJoined === true, size: isMarks === true ? 7 : 4, fill: stroke },
  };
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 5);
}

/** A colour of style.css as a canvas understands it: with nothing left to look up or to choose from. */
function readColor(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = "";
  return color;
}

/** The library wants arrays that it may write to. */
function dataOf(columns: PlotColumns): uPlot.AlignedData {
  const [times = [], ...rest] = columns;
  return [times.map((time) => time ?? 0), ...rest.map((column) => [...column])];
}
