import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/domain/errors.ts";
import { formatPorts, pairPorts, parsePortRange } from "../../src/domain/ports.ts";

const port = fc.integer({ min: 1, max: 65_535 });

describe("parsePortRange()", () => {
  test.each([
    ["4567", [4567]],
    [" 4567 ", [4567]],
    ["1", [1]],
    ["65535", [65_535]],
    ["0", [0]],
    ["00022", [22]],
    ["4567-4569", [4567, 4568, 4569]],
    ["4569-4567", [4567, 4568, 4569]],
    ["4567 - 4568", [4567, 4568]],
    ["4567-4567", [4567]],
  ])("reads %j", (text, ports) => {
    expect(parsePortRange(text, "--local-port")).toEqual(ports);
  });

  test.each([
    "",
    " ",
    "a",
    "22a",
    "4567-",
    "-4567",
    "--",
    "1-2-3",
    "4567,4568",
    "65536",
    "70000",
    "1-70000",
    "0-5",
    "5-0",
    "1.5",
    "1e3",
    "+22",
    "0x16",
    "123456",
    "２２",
    "22\n23",
  ])("refuses %j, naming the option and the value", (text) => {
    expect(() => parsePortRange(text, "--remote-port")).toThrow(UsageError);
    expect(() => parsePortRange(text, "--remote-port")).toThrow(`--remote-port "${text}"`);
  });

  test("gives every port of a range once, in ascending order, whichever end comes first", () => {
    fc.assert(
      fc.property(port, fc.integer({ min: 0, max: 300 }), fc.boolean(), (low, length, swapped) => {
        const high = Math.min(65_535, low + length);
        const ports = parsePortRange(swapped ? `${high}-${low}` : `${low}-${high}`, "--local-port");
        expect(ports).toEqual(Array.from({ length: high - low + 1 }, (_, index) => low + index));
      }),
    );
  });

  test("answers any text with ports from 0 to 65535 or a UsageError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d -]{0,12}$/)), (text) => {
        try {
          for (const found of parsePortRange(text, "--local-port")) expect(found >= 0 && found <= 65_535).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});

describe("pairPorts()", () => {
  test.each([
    [[4567], [22], [[4567, 22]]],
    [[4567], undefined, [[4567, 4567]]],
    [undefined, [22], [[22, 22]]],
    [
      [4567, 4568],
      [8080, 8081],
      [
        [4567, 8080],
        [4568, 8081],
      ],
    ],
    [[0], [22], [[0, 22]]],
    [
      [0],
      [22, 23],
      [
        [0, 22],
        [0, 23],
      ],
    ],
  ])("joins %j to %j", (local, remote, pairs) => {
    expect(pairPorts(local, remote)).toEqual(pairs.map(([one = 0, other = 0]) => ({ local: one, remote: other })));
  });

  test.each([
    [undefined, undefined, "Neither a local nor a remote port"],
    [[1, 2], [3], "local ports (2) differs from the number of remote ports (1)"],
    [[1], [2, 3], "local ports (1) differs from the number of remote ports (2)"],
    [[0], undefined, "Remote port 0"],
    [[22], [0], "Remote port 0"],
    [undefined, [0], "Remote port 0"],
  ])("refuses %j with %j and says what to add", (local, remote, message) => {
    expect(() => pairPorts(local, remote)).toThrow(message);
    expect(() => pairPorts(local, remote)).toThrow(expect.objectContaining({ exitCode: 2, hint: expect.any(String) }));
  });

  test("keeps order and number of equally long lists", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(port, port), { minLength: 1, maxLength: 20 }), (pairs) => {
        const joined = pairPorts(
          pairs.map(([local]) => local),
          pairs.map(([, remote]) => remote),
        );
        expect(joined.map(({ local, remote }) => [local, remote])).toEqual(pairs);
      }),
    );
  });
});

describe("formatPorts()", () => {
  test.each([
    [[], ""],
    [[22], "22"],
    [[22, 23], "22-23"],
    [[22, 24], "22, 24"],
    [[22, 4567, 4568, 4569], "22, 4567-4569"],
    [[4567, 4568, 22, 80, 81], "4567-4568, 22, 80-81"],
    [[0, 0], "0, 0"],
    [[5, 4, 3], "5, 4, 3"],
  ])("prints %j as %j", (ports, text) => {
    expect(formatPorts(ports)).toBe(text);
  });

  test("prints what parsePortRange() reads back", () => {
    fc.assert(
      fc.property(fc.array(port, { maxLength: 30 }), (ports) => {
        const text = formatPorts(ports);
        const read = text === "" ? [] : text.split(", ").flatMap((part) => parsePortRange(part, "--local-port"));
        expect(read).toEqual(ports);
      }),
    );
  });
});
