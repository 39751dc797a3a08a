import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ConflictFlags, decideConflict } from "../../src/domain/conflict.ts";
import { makeSpec } from "../support/specs.ts";

const NONE: ConflictFlags = {
  replaceExisting: false,
  keepExisting: false,
  replaceDifferent: false,
  keepSame: false,
  ignoreOwner: false,
};
const FLAGS = { re: "replaceExisting", ke: "keepExisting", rd: "replaceDifferent", ks: "keepSame", io: "ignoreOwner" };

type Answer = "keep" | "replace" | "refuse" | "refuse foreign";

function answer(flags: string, same: boolean, mine: boolean): Answer {
  const chosen = Object.entries(FLAGS).map(([short, long]) => [long, flags.split(" ").includes(short)]);
  const decision = decideConflict(
    { spec: makeSpec(), owner: "ada" },
    { spec: makeSpec(same ? {} : { run: "56820" }), owner: mine ? "ada" : "ben" },
    { ...NONE, ...Object.fromEntries(chosen) },
  );
  if (decision.kind !== "refuse") return decision.kind;
  expect(decision.same).toBe(same);
  return decision.foreign ? "refuse foreign" : "refuse";
}

// The table of `pipe tunnel start`: flags; then same and mine, same and another user's, different and mine, different
// and another user's.
const ROWS: readonly (readonly [string, Answer, Answer, Answer, Answer])[] = [
  ["", "refuse", "refuse", "refuse", "refuse"],
  ["io", "refuse", "refuse", "refuse", "refuse"],
  ["re", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re io", "replace", "replace", "replace", "replace"],
  ["ke", "keep", "keep", "keep", "keep"],
  ["ke io", "keep", "keep", "keep", "keep"],
  ["rd", "refuse", "refuse", "replace", "refuse foreign"],
  ["rd io", "refuse", "refuse", "replace", "replace"],
  ["ks", "keep", "keep", "refuse", "refuse"],
  ["ks io", "keep", "keep", "refuse", "refuse"],
  ["ks rd", "keep", "keep", "replace", "refuse foreign"],
  ["ks rd io", "keep", "keep", "replace", "replace"],
  ["ke rd", "keep", "keep", "keep", "keep"],
  ["ke rd io", "keep", "keep", "keep", "keep"],
  ["ke ks", "keep", "keep", "keep", "keep"],
  ["ke ks io", "keep", "keep", "keep", "keep"],
  ["ke ks rd", "keep", "keep", "keep", "keep"],
  ["ke ks rd io", "keep", "keep", "keep", "keep"],
  ["re ke", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ke io", "replace", "replace", "replace", "replace"],
  ["re ks", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ks io", "replace", "replace", "replace", "replace"],
  ["re rd", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re rd io", "replace", "replace", "replace", "replace"],
  ["re ke ks", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ke ks io", "replace", "replace", "replace", "replace"],
  ["re ke rd", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ke rd io", "replace", "replace", "replace", "replace"],
  ["re ks rd", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ks rd io", "replace", "replace", "replace", "replace"],
  ["re ke ks rd", "replace", "refuse foreign", "replace", "refuse foreign"],
  ["re ke ks rd io", "replace", "replace", "replace", "replace"],
];

describe("decideConflict()", () => {
  test("is tested with every combination of flags", () => {
    expect(new Set(ROWS.map(([flags]) => flags.split(" ").sort().join(" "))).size).toBe(32);
  });

  test.each(ROWS)(
    "with flags '%s' answers as `pipe` does",
    (flags, sameMine, sameForeign, differentMine, differentForeign) => {
      expect(answer(flags, true, true)).toBe(sameMine);
      expect(answer(flags, true, false)).toBe(sameForeign);
      expect(answer(flags, false, true)).toBe(differentMine);
      expect(answer(flags, false, false)).toBe(differentForeign);
    },
  );

  test("never replaces a tunnel of another user without --ignore-owner", () => {
    const flags = fc.record({
      replaceExisting: fc.boolean(),
      keepExisting: fc.boolean(),
      replaceDifferent: fc.boolean(),
      keepSame: fc.boolean(),
      ignoreOwner: fc.constant(false),
    });
    fc.assert(
      fc.property(flags, fc.constantFrom("56819", "56820"), (chosen, run) => {
        const existing = { spec: makeSpec({ run }), owner: "ben" };
        expect(decideConflict({ spec: makeSpec(), owner: "ada" }, existing, chosen).kind).not.toBe("replace");
      }),
    );
  });
});
