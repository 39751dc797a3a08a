import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HOPS, LocalError } from "../../src/domain/errors.ts";
import { decodeRecord, encodeRecord, RECORD_FORMAT, type TunnelRecord } from "../../src/registry/record.ts";
import { makeRecord } from "../support/specs.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const port = fc.integer({ min: 0, max: 65_535 });
const moment = fc.integer({ min: 0, max: 8.64e15 });
const pairs = fc.array(fc.record({ local: port, remote: port }), { maxLength: 4 });
const identity = fc.record({ pid: fc.integer({ min: 1, max: 2 ** 31 }), startedAt: text, bootId: text });
const amount = fc.nat({ max: 10_000_000 });
/** Keys that the runtime treats specially are no keys of ours. */
const key = text.filter((name) => !["__proto__", "constructor", "prototype"].includes(name));
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(key, tie("json"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const spec = fc.record(
  {
    platform: text,
    run: text,
    ports: pairs,
    listenAddress: text,
    portFallback: fc.boolean(),
    direct: fc.boolean(),
    region: text,
    actAs: text,
    app: text,
    identity: text,
    ssh: fc.record(
      { folder: text, alias: text, users: fc.array(text, { maxLength: 3 }), keep: fc.boolean() },
      { requiredKeys: ["users", "keep"], noNullPrototype: true },
    ),
    connectTimeoutMs: amount,
    retries: amount,
    holdMs: amount,
    waitForRemote: fc.boolean(),
  },
  {
    requiredKeys: [
      ..."platform run ports listenAddress portFallback direct connectTimeoutMs retries holdMs waitForRemote".split(
        " ",
      ),
    ] as ("run" | "ports")[],
    noNullPrototype: true,
  },
);
const failure = fc.record(
  { message: text, code: text, exitCode: fc.nat({ max: 255 }), hop: fc.constantFrom(...HOPS), hint: text },
  { requiredKeys: ["message", "code", "exitCode"], noNullPrototype: true },
);
const record = fc.record(
  {
    id: fc.stringMatching(/^[a-z0-9-]{1,64}$/),
    spec,
    runName: text,
    state: fc.constantFrom("starting", "ready", "stopping", "failed"),
    machine: text,
    owner: text,
    process: identity,
    launcher: identity,
    createdAt: moment,
    readyAt: moment,
    phase: text,
    boundPorts: pairs,
    control: fc.record({ port, token: text }),
    logFile: text,
    mode: fc.constantFrom("foreground", "background", "service"),
    failure,
    warnings: fc.array(text, { maxLength: 3 }),
    journal: fc.array(fc.dictionary(key, json, { maxKeys: 3, noNullPrototype: true }), { maxLength: 3 }),
  },
  {
    requiredKeys: "id spec runName state machine owner launcher createdAt mode warnings journal".split(" ") as "id"[],
    noNullPrototype: true,
  },
) as fc.Arbitrary<TunnelRecord>;

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof LocalError) return error.code;
    throw error;
  }
  return "no error";
}

describe("decodeRecord()", () => {
  test("reads back every record that encodeRecord() wrote", () => {
    fc.assert(
      fc.property(record, (written) => {
        expect(decodeRecord(encodeRecord(written), "x.json")).toEqual(written);
      }),
    );
  });

  test("refuses a record that was cut off at any byte", () => {
    const whole = Buffer.from(encodeRecord(makeRecord({ runName: "pipeline-é", warnings: ["a"] })));
    // The last byte is the newline, which carries nothing.
    for (let length = 0; length < whole.length - 1; length += 1) {
      expect(codeOf(() => decodeRecord(whole.subarray(0, length).toString(), "x.json"))).toBe("record-damaged");
    }
  });

  test("meets a record with any byte changed with a record or a LocalError, never a crash", () => {
    const whole = Buffer.from(encodeRecord(makeRecord()));
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        expect(["no error", "record-damaged", "record-newer"]).toContain(
          codeOf(() => decodeRecord(changed.toString(), "x.json")),
        );
      }),
    );
  });

  test.each([
    "",
    " ",
    "null",
    "[]",
    "{}",
    "42",
    '"text"',
    "\0",
    '{"format":1}',
    '{"format":"1"}',
    "not json",
    `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
  ])("refuses garbage %#", (garbage) => {
    expect(codeOf(() => decodeRecord(garbage, "x.json"))).toBe("record-damaged");
  });

  test("answers any JSON with a record or a LocalError", () => {
    fc.assert(
      fc.property(fc.json(), (garbage) => {
        expect(codeOf(() => decodeRecord(garbage, "x.json"))).toBe("record-damaged");
      }),
    );
  });

  test("refuses a journal that is nested beyond reason, instead of running out of stack", () => {
    const nested = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    const whole = encodeRecord(makeRecord()).replace('"journal": []', `"journal": [${nested}]`);
    expect(codeOf(() => decodeRecord(whole, "x.json"))).toBe("record-damaged");
  });

  const with_ = (change: object): string => JSON.stringify({ format: RECORD_FORMAT, ...makeRecord(), ...change });
  test.each<[string, object]>([
    ["an id that leaves the folder", { id: "../x" }],
    ["an empty id", { id: "" }],
    ["a number of a process group", { process: { pid: -1, startedAt: "1", bootId: "b" } }],
    ["a process number 0", { launcher: { pid: 0, startedAt: "1", bootId: "b" } }],
    ["a time that no calendar has", { createdAt: 1e300 }],
    ["a time before 1970", { readyAt: -1 }],
    ["a port out of range", { boundPorts: [{ local: 70_000, remote: 22 }] }],
    ["a port with a fraction", { control: { port: 1.5, token: "t" } }],
    ["an unknown state", { state: "sleeping" }],
    ["an unknown mode", { mode: "cluster" }],
    ["a wrong type", { warnings: "none" }],
    ["an unknown hop", { failure: { message: "m", code: "c", exitCode: 1, hop: "moon" } }],
    ["null for something left out", { phase: null }],
    ["no owner", { owner: undefined }],
  ])("refuses %s", (_what, change) => {
    expect(codeOf(() => decodeRecord(with_(change), "x.json"))).toBe("record-damaged");
  });

  test("names the file and the field", () => {
    expect(() => decodeRecord(with_({ owner: 5 }), "/state/x.json")).toThrow(/"\/state\/x\.json": owner: /);
  });

  test("drops fields that it does not know", () => {
    expect(decodeRecord(with_({ colour: "red" }), "x.json")).toEqual(makeRecord());
  });

  test("leaves a record of a newer format alone, whatever is in it", () => {
    expect(codeOf(() => decodeRecord('{"format":2,"anything":true}', "x.json"))).toBe("record-newer");
    expect(codeOf(() => decodeRecord(with_({ format: 0 }), "x.json"))).toBe("record-damaged");
  });
});
