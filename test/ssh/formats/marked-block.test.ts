import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { asByteText, BYTE_ORDER_MARK, toByteText } from "../../../src/ssh/formats/byte-text.ts";
import { findBlocks, putBlockFirst, removeBlock } from "../../../src/ssh/formats/marked-block.ts";

const FOLDER = join(import.meta.dir, "../../fixtures/ssh/config");
const FIXTURES = readdirSync(FOLDER).filter((name) => name.endsWith(".in"));
const BLOCK = { id: "include", lines: ['Include "/home/ü/.ssh/runtunnel/config"'] };

describe("putBlockFirst() and removeBlock()", () => {
  test("there are many fixtures", () => expect(FIXTURES.length).toBeGreaterThanOrEqual(40));

  test.each(FIXTURES)("give back every byte of %s", (name) => {
    const before = toByteText(readFileSync(join(FOLDER, name)));
    const after = putBlockFirst(before, BLOCK, name);
    const mark = before.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : "";
    const eol = /^[^\n]*\r\n/.test(before) ? "\r\n" : "\n";
    const own = ["# >>> runtunnel include >>>", asByteText(BLOCK.lines[0] ?? ""), "# <<< runtunnel include <<<"];
    expect(after).toBe(mark + own.map((line) => line + eol).join("") + before.slice(mark.length));
    expect(removeBlock(after, "include", name)).toBe(before);
    expect(removeBlock(after, "include", name, BLOCK.lines)).toBe(before);
    expect(putBlockFirst(after, BLOCK, name)).toBe(after);
  });

  const piece = fc.oneof(
    fc.constantFrom("\n", "\r\n", "\r", BYTE_ORDER_MARK, "Host box", "# >>> runtunnel", " >>>", "Match all", "\t", " "),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
  );
  // Marks of our own are a matter of their own: see below.
  const anyText = fc
    .array(piece, { maxLength: 30 })
    .map((parts) => parts.join(""))
    .filter((text) => !/# >>> runtunnel .+ >>>/.test(text));

  test("give back every byte of any text", () => {
    fc.assert(
      fc.property(anyText, (before) => {
        expect(removeBlock(putBlockFirst(before, BLOCK, "config"), "include", "config")).toBe(before);
      }),
      { numRuns: 2000 },
    );
  });

  test("blocks of several owners come and go in any order", () => {
    const ids = fc.shuffledSubarray(["host a", "host ab", "host b\u00fc", "include"], { minLength: 4 });
    fc.assert(
      fc.property(anyText, ids, ids, (before, order, otherOrder) => {
        const full = order.reduce((text, id) => putBlockFirst(text, { id, lines: [`Host ${id}`] }, "config"), before);
        expect(findBlocks(full, "config").map(({ id }) => id)).toEqual(order.toReversed());
        expect(otherOrder.reduce((text, id) => removeBlock(text, id, "config"), full)).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  test("what the user wrote around the block stays", () => {
    const put = putBlockFirst("Host box\n    Port 23\n", BLOCK, "config");
    const edited = `# above\n${put.replace("Port 23", "Port 24")}Host new\n`;
    expect(removeBlock(edited, "include", "config")).toBe("# above\nHost box\n    Port 24\nHost new\n");
  });

  test("what the user wrote inside the block stays where only our lines are to go", () => {
    const put = putBlockFirst("Host box\n", BLOCK, "config");
    const edited = put.replace("# <<<", "User me\n# <<<");
    expect(removeBlock(edited, "include", "config", BLOCK.lines)).toBe("User me\nHost box\n");
    expect(removeBlock(edited, "include", "config")).toBe("Host box\n");
  });

  test("a block that the user's editor gave other line ends is still ours", () => {
    const put = putBlockFirst("Host box\n", BLOCK, "config").replaceAll("\n", "\r\n");
    expect(removeBlock(put, "include", "config", BLOCK.lines)).toBe("Host box\r\n");
  });

  test.each([
    ["a begin mark without its end", "# >>> runtunnel include >>>\nInclude x\nHost box\n", 1],
    ["an end mark without its begin", "Host box\n# <<< runtunnel include <<<\n", 2],
    ["a begin mark inside a block", "# >>> runtunnel a >>>\n# >>> runtunnel b >>>\n# <<< runtunnel b <<<\n", 1],
    ["an end mark of another block", "# >>> runtunnel a >>>\n# <<< runtunnel b <<<\n", 2],
  ])("refuse %s and say where", (_name, text, line) => {
    for (const edit of [() => putBlockFirst(text, BLOCK, "my file"), () => removeBlock(text, "include", "my file")]) {
      expect(edit).toThrow(`Cannot edit "my file": the runtunnel mark in line ${line} `);
    }
  });
});
