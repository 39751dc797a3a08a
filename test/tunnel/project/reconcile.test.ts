import { describe, expect, test } from "bun:test";
import type { TunnelRecord } from "../../../src/registry/record.ts";
import type { Liveness } from "../../../src/registry/store.ts";
import { planReconcile, type Step } from "../../../src/tunnel/project/reconcile.ts";
import { makeRecord, makeSpec } from "../../support/specs.ts";
import { FILE, makeWanted } from "../wanted.ts";

const one = makeWanted("one");
const two = makeWanted("two", { ports: [{ local: 5000, remote: 80 }] });

/** A record of an entry of the file, as it would have been started. */
const own = (wanted = one, wishes: Partial<TunnelRecord> = {}): TunnelRecord =>
  makeRecord({ id: `own-${wanted.entry.name}`, spec: wanted.spec, managedBy: wanted.managedBy, ...wishes });
const seen = (record: TunnelRecord, liveness: Liveness = "alive") => ({ record, liveness });
const brief = (steps: readonly Step[]): readonly string[] =>
  steps.map((step) => {
    const who = step.kind === "remove" ? "" : ` ${step.wanted.entry.name}`;
    const adopted = step.kind === "keep" && step.adopted ? " adopted" : "";
    return `${step.kind}${who}${"record" in step ? ` ${step.record.id}` : ""}${adopted}`;
  });

describe("planReconcile()", () => {
  const stale = { ...one.managedBy, digest: "other" };
  const foreignFile = { ...one.managedBy, file: "/p/other.toml" };
  const rows: readonly (readonly [string, Parameters<typeof planReconcile>[1], ReturnType<typeof seen>[], string[]])[] =
    [
      ["starts what is missing", [one, two], [], ["start one", "start two"]],
      ["keeps what runs", [one, two], [seen(own())], ["keep one own-one", "start two"]],
      ["keeps what is starting", [one], [seen(own(one, { state: "starting" }), "starting")], ["keep one own-one"]],
      ["starts what is dead", [one], [seen(own(), "dead")], ["start one"]],
      ["does not count another machine's", [one], [seen(own(), "elsewhere")], ["start one"]],
      ["replaces what changed", [one], [seen(own(one, { managedBy: stale }))], ["replace one own-one"]],
      ["waits for what is leaving", [one], [seen(own(one, { state: "stopping" }))], ["wait one own-one"]],
      ["waits for what has failed", [one], [seen(own(one, { state: "failed" }))], ["wait one own-one"]],
      ["removes what left the file", [two], [seen(own())], ["start two", "remove own-one"]],
      ["removes nothing that is leaving", [], [seen(own(one, { state: "stopping" }))], []],
      ["leaves dead ones to the healing", [], [seen(own(), "dead")], []],
      ["adopts the same one", [one], [seen(makeRecord({ id: "hand" }))], ["keep one hand adopted"]],
      [
        "waits for the same one to leave",
        [one],
        [seen(makeRecord({ id: "hand", state: "stopping" }))],
        ["wait one hand"],
      ],
      ["never adopts another file's", [one], [seen(own(one, { managedBy: foreignFile }))], ["blocked one own-one"]],
      [
        "is blocked by a different one on its port",
        [one],
        [seen(makeRecord({ id: "x", spec: makeSpec({ run: "2" }) }))],
        ["blocked one x"],
      ],
      [
        "sees the ports that are bound, not those that were wanted",
        [two],
        [seen(makeRecord({ id: "x", spec: makeSpec({ run: "2" }), boundPorts: [{ local: 5000, remote: 1 }] }))],
        ["blocked two x"],
      ],
      ["leaves tunnels of others alone", [], [seen(makeRecord()), seen(own(one, { managedBy: foreignFile }))], []],
    ];
  test.each(rows)("%s", (_, wanted, tunnels, expected) => {
    expect([...brief(planReconcile(FILE, wanted, tunnels))]).toEqual(expected);
  });

  test("gives one running tunnel to one entry only", () => {
    const any = { ports: [{ local: 0, remote: 22 }] };
    const hand = makeRecord({ id: "hand", spec: makeSpec(any) });
    expect([...brief(planReconcile(FILE, [makeWanted("a", any), makeWanted("b", any)], [seen(hand)]))]).toEqual([
      "keep a hand adopted",
      "start b",
    ]);
  });

  test("lets two entries of the file change ports with each other", () => {
    const moved = [makeWanted("one", { ports: two.spec.ports }), makeWanted("two", { ports: one.spec.ports })];
    expect([...brief(planReconcile(FILE, moved, [seen(own(one)), seen(own(two))]))]).toEqual([
      "replace one own-one",
      "replace two own-two",
    ]);
  });
});
