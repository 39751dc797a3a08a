import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Column, formatBytes, renderTable } from "../../src/cli/output.ts";

type Row = { readonly run: string; readonly port: string; readonly owner: string };

const COLUMNS: readonly Column<Row>[] = [
  { title: "RUN", value: ({ run }) => run, shrinks: true },
  { title: "PORT", value: ({ port }) => port, align: "right" },
  { title: "OWNER", value: ({ owner }) => owner, shrinks: true },
];
const ROWS: readonly Row[] = [
  { run: "pipeline-56819", port: "22", owner: "ada" },
  { run: "session-a-very-long-name-indeed", port: "4567", owner: "somebody.with.a.long.name" },
  { run: "セッション", port: "1", owner: "ö" },
  { run: "\x1b[32mgreen\x1b[39m", port: "5", owner: "🦊 fox" },
];
const lines = (text: string): readonly string[] => text.split("\n").slice(0, -1);

describe("renderTable()", () => {
  test("prints one line a row under titles, columns in line", () => {
    expect(renderTable(ROWS.slice(0, 1), COLUMNS, 80)).toBe(
      ["RUN             PORT  OWNER", "pipeline-56819    22  ada", ""].join("\n"),
    );
    expect(renderTable([], COLUMNS, 80)).toBe("RUN  PORT  OWNER\n");
  });

  test.each([30, 40, 60, 80, 120, 200, Number.MAX_SAFE_INTEGER])(
    "is no wider than %d, wide characters and colours too",
    (width) => {
      const printed = lines(renderTable(ROWS, COLUMNS, width));
      expect(printed.length).toBe(ROWS.length + 1);
      for (const line of printed) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
      const owners = printed.map((line) => Bun.stringWidth(line.slice(0, 0)));
      expect(new Set(owners).size).toBe(1);
    },
  );

  test("cuts nothing where all fits, to the last character", () => {
    const whole = renderTable(ROWS, COLUMNS, 1000);
    const widest = Math.max(...lines(whole).map((line) => Bun.stringWidth(line)));
    expect(renderTable(ROWS, COLUMNS, widest)).toBe(whole);
    expect(whole).not.toContain("…");
    expect(renderTable(ROWS, COLUMNS, widest - 1)).toContain("…");
  });

  test("never cuts columns that must not give way", () => {
    for (const line of lines(renderTable(ROWS, COLUMNS, 10)).slice(1, 3)) expect(line).toMatch(/ (22|4567) {2}/);
  });

  test("keeps one line a row for any text without control characters", () => {
    const cell = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.record({ run: cell, port: fc.constant("22"), owner: cell }), { maxLength: 5 }),
        fc.integer({ min: 30, max: 120 }),
        (rows, width) => {
          expect(lines(renderTable(rows, COLUMNS, width)).length).toBe(rows.length + 1);
        },
      ),
    );
  });
});

describe("formatBytes()", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [102_400, "100 KiB"],
    [1_048_575, "1.0 MiB"],
    [1_048_576, "1.0 MiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
    [1024 ** 5, "1024 TiB"],
  ])("prints %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test("prints at most four digits below a pebibyte", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1024 ** 5 - 1 }), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^(\d{1,3}|10[012]\d|\d{1,2}\.\d) ([KMGT]i)?B$/);
      }),
    );
  });
});
