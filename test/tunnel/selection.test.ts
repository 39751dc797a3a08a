import { describe, expect, test } from "bun:test";
import type { TunnelRecord } from "../../src/registry/record.ts";
import { describePorts, localPorts, type SelectionOptions, selectRecords } from "../../src/tunnel/selection.ts";
import { makeRecord, makeSpec } from "../support/specs.ts";
import { makeAppContext, makePlatform } from "./tunnel-world.ts";

const context = makeAppContext({
  home: "/nonexistent",
  platforms: [makePlatform(), makePlatform({ name: "other", prefix: "o" })],
});
const record = (id: string, platform: string, run: string, ...ports: number[]): TunnelRecord =>
  makeRecord({
    id,
    runName: `run-${run}`,
    spec: makeSpec({ platform, run, ports: ports.map((local) => ({ local, remote: 22 })) }),
  });
const RECORDS = [
  record("1-aaaaaaaa", "test", "1", 4567),
  record("1-bbbbbbbb", "test", "1", 4568, 4569),
  record("1-cccccccc", "other", "1", 4570),
  record("2-dddddddd", "test", "2", 4571),
];

function select(options: SelectionOptions): string {
  return selectRecords(RECORDS, options, context)
    .map(({ id }) => id.slice(2, 3))
    .join("");
}

describe("selectRecords()", () => {
  test.each<[SelectionOptions, string]>([
    [{}, "abcd"],
    [{ run: "1" }, "abc"],
    [{ run: "run-1" }, "abc"],
    [{ run: "t:1" }, "ab"],
    [{ run: "1", platform: "other" }, "c"],
    [{ run: "run-1", platform: "other" }, "c"],
    [{ run: "2-dddddddd" }, "d"],
    [{ run: "1-aaaaaaaa" }, "a"],
    [{ run: "3" }, ""],
    [{ localPorts: [4567] }, "a"],
    [{ localPorts: [4569] }, "b"],
    [{ localPorts: [4567, 4571] }, "ad"],
    [{ localPorts: [22] }, ""],
    [{ run: "1", localPorts: [4571] }, ""],
    [{ run: "1", localPorts: [4568, 4571] }, "b"],
  ])("%j means %s", (options, expected) => {
    expect(select(options)).toBe(expected);
  });

  test("goes by the ports that are bound, where any are", () => {
    const [first] = RECORDS;
    const bound = { ...(first as TunnelRecord), boundPorts: [{ local: 40_001, remote: 22 }] };
    expect(localPorts(bound)).toEqual([40_001]);
    expect(selectRecords([bound], { localPorts: [40_001] }, context)).toEqual([bound]);
    expect(selectRecords([bound], { localPorts: [4567] }, context)).toEqual([]);
    expect(describePorts(bound)).toBe("40001 -> 22");
  });
});
