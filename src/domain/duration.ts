// Durations as users write them: `500ms`, `30s`, `5m`, or a bare number in the unit the option documents.
import { UsageError } from "./errors.ts";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Unit of a bare number. */
export type DurationUnit = keyof typeof UNIT_MS;

/** Longest duration accepted; far below the 2^31 ms that timers of the runtime can hold. */
const MAX_DURATION_MS = 24 * 3_600_000;

/** Parses a duration to milliseconds. `option` names the flag in the error. */
export function parseDuration(text: string, option: string, bareUnit: DurationUnit): number {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?\s*$/.exec(text);
  if (match === null) {
    throw new UsageError(`Cannot read ${option} "${text}"`, { hint: "Write a duration as 500ms, 30s or 5m" });
  }
  const unit = (match[2] ?? bareUnit) as DurationUnit;
  const ms = Number(match[1]) * UNIT_MS[unit];
  if (ms > MAX_DURATION_MS) {
    throw new UsageError(`Duration of ${option} "${text}" is too long`, { hint: "The longest is 24h" });
  }
  return ms;
}

/** Whether the text carries no unit, so that the option's own unit applies. */
export function isBareNumber(text: string): boolean {
  return /^\s*(?:\d+(?:\.\d+)?|\.\d+)\s*$/.test(text);
}

/** Prints a duration briefly, two units at most, rounded down: `340ms`, `12s`, `3m 5s`, `2d 4h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.floor(ms)}ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  const units: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
