// A row of figures as a row of small bars. Pure.
const BARS = "▁▂▃▄▅▆▇█";

/** One bar for each value, the highest for the greatest; a blank where there is none. Values are not below 0. */
export function sparkline(values: readonly (number | undefined)[]): string {
  const most = Math.max(0, ...values.filter((value) => value !== undefined));
  return values.map((value) => (value === undefined ? " " : barOf(value, most))).join("");
}

/** Puts values together so that at most `width` are left: each is the mean of its neighbours, missing ones aside. */
export function condense(values: readonly (number | undefined)[], width: number): readonly (number | undefined)[] {
  if (values.length <= width) return values;
  const size = Math.ceil(values.length / width);
  const groups: (number | undefined)[] = [];
  // From the end: the newest group is a whole one.
  for (let end = values.length; end > 0; end -= size) {
    const known = values.slice(Math.max(0, end - size), end).filter((value) => value !== undefined);
    groups.unshift(known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length);
  }
  return groups;
}

function barOf(value: number, most: number): string {
  const step = most === 0 ? 0 : Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length));
  return BARS.charAt(step);
}
