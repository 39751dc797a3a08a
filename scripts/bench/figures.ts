// The figures of one run of the benchmark: what is printed, drawn, judged and kept as JSON.
import type { Family } from "./rows.ts";

/** Median and range over rounds. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** The figures of one way to the target. A figure that could not be taken is absent. */
export type RowFigures = {
  readonly name: string;
  readonly family: Family;
  /** Bytes a second on one stream. */
  readonly down?: Spread;
  readonly up?: Spread;
  /** Microseconds. */
  readonly roundTripP50?: Spread;
  readonly roundTripP99?: Spread;
  /** New connections a second, with one client and with eight. */
  readonly connects1?: Spread;
  readonly connects8?: Spread;
  readonly failedConnects: number;
  /** Processor seconds of the local end for a GiB. */
  readonly cpuSecondsPerGiB?: number;
};

/** Durations of commands, milliseconds. */
export type StartUp = {
  readonly version: Spread;
  readonly list: Spread;
  readonly start: Spread;
  readonly stop: Spread;
};

/** Three idle tunnels. */
export type Rest = {
  /** Of each, bytes. */
  readonly pssBytes: readonly number[];
  /** Share of one core that each takes. */
  readonly cpuShare: readonly number[];
};

/** What a tunnel's memory does under load, bytes. */
export type Memory = {
  readonly restBytes: number;
  readonly perIdleConnectionBytes: number;
  /** Connections asked for at once, and how many of them carried a byte each way. */
  readonly asked: number;
  readonly held: number;
  readonly withAllHeldBytes: number;
  readonly stalledBytes: number;
  readonly movedGiB: number;
  readonly afterFirstGiBBytes: number;
  readonly afterAllGiBBytes: number;
  readonly shortConnections: number;
  readonly afterFirstShortBytes: number;
  readonly afterAllShortBytes: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
};

/** Everything. */
export type Figures = {
  readonly commit: string;
  readonly machine: string;
  readonly rounds: number;
  /** Share of measures before which the machine did not become quiet. */
  readonly busyShare: number;
  readonly missing: readonly string[];
  readonly rows: readonly RowFigures[];
  readonly startUp?: StartUp;
  readonly rest?: Rest;
  readonly memory?: Memory;
};

/** Median and range; undefined without values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? min;
  const high = sorted[Math.floor(middle)] ?? max;
  return { median: (low + high) / 2, min, max };
}

/** The row of a name in a family. */
export function findRow({ rows }: Figures, family: Family, name: string): RowFigures | undefined {
  return rows.find((row) => row.family === family && row.name === name);
}
