import { describe, expect, test } from "bun:test";
import { decideChanges } from "../../src/cli/watch-listing.ts";
import type { ListedTunnel } from "../../src/tunnel/list.ts";
import { makeIdentity, makeRecord } from "../support/specs.ts";

const one: ListedTunnel = { record: makeRecord({ id: "one" }), state: "healthy" };
const two: ListedTunnel = { record: makeRecord({ id: "two" }), state: "healthy" };

function changes(before: readonly ListedTunnel[], now: readonly ListedTunnel[]): readonly string[] {
  const byId = (tunnels: readonly ListedTunnel[]) => new Map(tunnels.map((tunnel) => [tunnel.record.id, tunnel]));
  return decideChanges(byId(before), byId(now)).map(({ event, tunnel }) => `${event} ${tunnel.record.id}`);
}

describe("decideChanges()", () => {
  test.each<[string, readonly ListedTunnel[], readonly ListedTunnel[], readonly string[]]>([
    ["nothing new", [one, two], [one, two], []],
    ["a new tunnel", [one], [one, two], ["added two"]],
    ["one that is gone, and one that came", [one], [two], ["removed one", "added two"]],
    ["another state", [one], [{ ...one, state: "degraded" }], ["changed one"]],
    ["another process", [one], [{ ...one, record: { ...one.record, process: makeIdentity(7) } }], ["changed one"]],
    ["another port", [one], [{ ...one, record: { ...one.record, boundPorts: [] } }], ["changed one"]],
  ])("tells of %s", (_what, before, now, expected) => {
    expect(changes(before, now)).toEqual([...expected]);
  });
});
