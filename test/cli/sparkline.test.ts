import { describe, expect, test } from "bun:test";
import { condense, sparkline } from "../../src/cli/sparkline.ts";

describe("sparkline()", () => {
  test.each([
    [[], ""],
    [[0], "▁"],
    [[5], "█"],
    [[0, 1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇██"],
    [[1, undefined, 2], "▅ █"],
    [[0.001, 1000], "▁█"],
  ])("of %j is %j", (values, bars) => {
    expect(sparkline(values)).toBe(bars);
  });
});

describe("condense()", () => {
  test.each([
    [[1, 2, 3], 3, [1, 2, 3]],
    [[1, 2, 3, 4], 2, [1.5, 3.5]],
    [[1, 2, 3, 4, 5], 2, [1.5, 4]],
    [[1, undefined, undefined, undefined], 2, [1, undefined]],
  ])("of %j to %d is %j", (values, width, expected) => {
    expect(condense(values, width)).toEqual(expected);
  });
});
