import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, isBareNumber, parseDuration } from "../../src/domain/duration.ts";
import { UsageError } from "../../src/domain/errors.ts";

describe("parseDuration()", () => {
  test.each([
    ["500ms", "s", 500],
    ["30s", "ms", 30_000],
    ["5m", "ms", 300_000],
    ["2h", "ms", 7_200_000],
    ["24h", "ms", 86_400_000],
    ["250", "ms", 250],
    ["10", "s", 10_000],
    ["2.5", "s", 2500],
    [".5", "s", 500],
    ["1.5h", "ms", 5_400_000],
    ["0", "s", 0],
    ["0s", "s", 0],
    [" 5 m ", "ms", 300_000],
  ] as const)("reads %j, bare unit %s, as %d ms", (text, unit, ms) => {
    expect(parseDuration(text, "--timeout", unit)).toBe(ms);
  });

  test.each([
    "",
    " ",
    "s",
    "ms",
    "-1",
    "-1s",
    "+1",
    "1e3",
    "5 minutes",
    "5M",
    "1s2m",
    "1..2",
    "1.",
    "NaN",
    "Infinity",
    "0x10",
    "5d",
  ])("refuses %j, naming the option and the value", (text) => {
    expect(() => parseDuration(text, "--timeout", "ms")).toThrow(UsageError);
    expect(() => parseDuration(text, "--timeout", "ms")).toThrow(`--timeout "${text}"`);
  });

  test.each(["25h", "86400001", "99999999999999999999h", `${"9".repeat(400)}s`])(
    "refuses %j as too long for the timers of the runtime",
    (text) => {
      expect(() => parseDuration(text, "--timeout", "ms")).toThrow("too long");
    },
  );

  test("answers any text with 0 to 24 hours or a UsageError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d.]{0,6}(ms|s|m|h)?$/)), (text) => {
        try {
          const ms = parseDuration(text, "--timeout", "s");
          expect(ms >= 0 && ms <= 86_400_000).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});

describe("isBareNumber()", () => {
  test.each(["5", "0.5", ".5", " 12 "])("is true for %j", (text) => expect(isBareNumber(text)).toBe(true));
  test.each(["5s", "5ms", "", "five"])("is false for %j", (text) => expect(isBareNumber(text)).toBe(false));

  test("is true exactly where the option's own unit decides", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^ ?(\d{1,3}|\d?\.\d{1,2})(ms|s|m)? ?$/), (text) => {
        const asMs = parseDuration(text, "--timeout", "ms");
        const asSeconds = parseDuration(text, "--timeout", "s");
        if (asSeconds !== 0) expect(isBareNumber(text)).toBe(asMs !== asSeconds);
      }),
    );
  });
});

describe("formatDuration()", () => {
  test.each([
    [0, "0ms"],
    [0.4, "0ms"],
    [340, "340ms"],
    [999, "999ms"],
    [999.7, "999ms"],
    [1000, "1.0s"],
    [1234, "1.2s"],
    [9949, "9.9s"],
    [9960, "9.9s"],
    [10_000, "10s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [185_000, "3m 5s"],
    [3_600_000, "1h"],
    [3_605_000, "1h"],
    [187_200_000, "2d 4h"],
    [86_460_000, "1d"],
  ])("prints %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("never prints a unit that the next larger one should have taken", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (ms) => {
        expect(formatDuration(ms)).toMatch(
          /^(\d{1,3}ms|\d\.\ds|[1-5]\ds|[1-5]?\dm( [1-5]?\ds)?|1?\dh( [1-5]?\dm)?|2[0-3]h( [1-5]?\dm)?|\d+d( [12]?\dh)?)$/,
        );
      }),
    );
  });
});
