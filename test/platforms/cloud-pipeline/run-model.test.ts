import { describe, expect, test } from "bun:test";
import { decodeRun } from "../../../src/platforms/cloud-pipeline/api-decoders.ts";
import {
  decideInitialised,
  decideInitTask,
  decideRunState,
  incarnationOf,
  type Run,
  type RunState,
  refuseRun,
} from "../../../src/platforms/cloud-pipeline/run-model.ts";

const RUNNING: Run = {
  id: "12345",
  status: "RUNNING",
  podIp: "10.244.1.2",
  nodeIp: "10.0.0.1",
  sensitive: false,
  parameters: [],
};

describe("decideRunState()", () => {
  test.each([
    [{}, { kind: "ready", host: "10.244.1.2" }],
    [{ sensitive: true }, { kind: "sensitive" }],
    [{ status: "SUCCESS" }, { kind: "ended", status: "SUCCESS" }],
    [{ status: "FAILURE" }, { kind: "ended", status: "FAILURE" }],
    [{ status: "STOPPED" }, { kind: "ended", status: "STOPPED" }],
    [{ status: "PAUSED" }, { kind: "paused" }],
    [{ status: "PAUSING" }, { kind: "pausing" }],
    [{ status: "RESUMING" }, { kind: "resuming" }],
    [{ status: "SCHEDULED" }, { kind: "scheduled" }],
    [{ status: "DANCING" }, { kind: "unknown-status", status: "DANCING" }],
  ])("of %p is %p", (members, expected) => {
    expect(decideRunState({ ...RUNNING, ...members })).toEqual(expected as RunState);
  });

  test("of a running run without machine is scheduled, without address has none", () => {
    const { nodeIp: _node, ...unplaced } = RUNNING;
    const { podIp: _pod, ...unreachable } = RUNNING;
    expect(decideRunState(unplaced)).toEqual({ kind: "scheduled" });
    expect(decideRunState(unreachable)).toEqual({ kind: "no-address" });
  });
});

describe("decideInitialised()", () => {
  const ready: RunState = { kind: "ready", host: "h" };
  const task = (status: string, name = "InitializeEnvironment") => ({ name, status });

  test.each([
    [[task("SUCCESS")], "ready", undefined],
    [[task("FAILURE"), task("SUCCESS")], "ready", undefined],
    [[task("SUCCESS", "Other")], "not-initialised", undefined],
    [[], "not-initialised", undefined],
    [[task("RUNNING")], "not-initialised", "RUNNING"],
    [[task("RUNNING"), task("FAILURE")], "not-initialised", "FAILURE"],
  ])("with tasks %p is %p", (tasks, kind, status) => {
    const state = decideInitialised(ready, tasks, "InitializeEnvironment");
    expect([state.kind, state.kind === "not-initialised" ? state.status : undefined]).toEqual([kind, status]);
  });

  test("leaves a run alone that is not ready anyway", () => {
    expect(decideInitialised({ kind: "paused" }, [], "T")).toEqual({ kind: "paused" });
  });
});

test.each([
  [undefined, "InitializeEnvironment"],
  [" ", "InitializeEnvironment"],
  ["MyTask", "MyTask"],
  ["NONE", undefined],
])("decideInitTask() for %p is %p", (variable, expected) => {
  expect(decideInitTask(variable)).toBe(expected);
});

describe("refuseRun()", () => {
  test.each([
    [{ kind: "sensitive" }, 4, "run-sensitive", false, "Run 7 is sensitive"],
    [{ kind: "ended", status: "SUCCESS" }, 5, "run-ended", false, "Run 7 has ended: it finished successfully"],
    [{ kind: "ended", status: "FAILURE" }, 5, "run-ended", false, "Run 7 has ended: it failed"],
    [{ kind: "ended", status: "STOPPED" }, 5, "run-ended", false, "Run 7 has ended: it was stopped"],
    [{ kind: "paused" }, 6, "run-paused", false, "Run 7 is paused"],
    [{ kind: "pausing" }, 6, "run-pausing", false, "Run 7 is being paused"],
    [{ kind: "resuming" }, 6, "run-resuming", true, "Run 7 is being resumed"],
    [{ kind: "scheduled" }, 6, "run-scheduled", true, "Run 7 waits for a machine"],
    [{ kind: "no-address" }, 6, "run-no-address", true, "Run 7 has no address yet"],
    [{ kind: "unknown-status", status: "X" }, 6, "run-unknown-state", false, 'unknown state "X"'],
    [
      { kind: "not-initialised", task: "T", status: undefined },
      6,
      "run-not-initialised",
      true,
      'task "T" has not begun',
    ],
    [{ kind: "not-initialised", task: "T", status: "RUNNING" }, 6, "run-not-initialised", true, 'task "T" is running'],
    [{ kind: "not-initialised", task: "T", status: "FAILURE" }, 6, "run-not-initialised", false, 'task "T" has failed'],
  ] as const)("says of %p with exit code %p", (state, exitCode, code, transient, message) => {
    const error = refuseRun("7", state);
    expect([error.exitCode, error.code, error.transient, error.hop]).toEqual([exitCode, code, transient, "run-state"]);
    expect(error.message).toContain(message);
    expect(error.hint).toBeString();
  });
});

test("incarnationOf() changes with the pod and the machine, and with nothing else", () => {
  const base = incarnationOf(RUNNING);
  expect(incarnationOf({ ...RUNNING, owner: "X", parameters: [{ name: "a" }] })).toBe(base);
  expect(incarnationOf({ ...RUNNING, podIp: "10.244.1.3" })).not.toBe(base);
  expect(incarnationOf({ ...RUNNING, nodeIp: "10.0.0.2" })).not.toBe(base);
  expect(incarnationOf({ ...RUNNING, startDate: "2024-10-25 10:00:00.000" })).not.toBe(base);
});

describe("decodeRun()", () => {
  test.each([
    [
      { id: 5, status: "RUNNING" },
      { id: "5", status: "RUNNING", sensitive: false, parameters: [] },
    ],
    [
      { id: "5", status: "PAUSED", podIP: "", instance: null, pipelineRunParameters: null, sensitive: null },
      { id: "5", status: "PAUSED", sensitive: false, parameters: [] },
    ],
    [
      { id: 5, status: "X", pipelineRunParameters: [{ name: "a", value: "1" }, { name: "b" }, 7, { value: "2" }] },
      { id: "5", status: "X", sensitive: false, parameters: [{ name: "a", value: "1" }, { name: "b" }] },
    ],
  ])("tolerates %p", (payload, expected) => {
    expect(decodeRun(payload, "Cannot load run 5")).toEqual(expected);
  });

  test.each([[undefined], [[]], ["text"], [{ id: 5 }], [{ id: 5, status: 1 }], [{ id: 5, status: "X", podIP: [] }]])(
    "refuses %p",
    (payload) => {
      expect(() => decodeRun(payload, "Cannot load run 5")).toThrow("Cannot load run 5: the answer");
    },
  );
});
