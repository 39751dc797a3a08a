import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/domain/secret.ts";
import type { Run } from "../../../src/platforms/cloud-pipeline/run-model.ts";
import {
  decideSshAccess,
  findPasswordRun,
  findSshMode,
  modeByPreference,
} from "../../../src/platforms/cloud-pipeline/ssh-mode.ts";

function makeRun(parameters: Readonly<Record<string, string>>, platform = "linux"): Run {
  return {
    id: "5",
    status: "RUNNING",
    owner: "OWNER@corp.example",
    platform,
    sensitive: false,
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
  };
}

test.each([
  ["owner", "linux", "owner"],
  ["owner-sshpass", "linux", "owner-sshpass"],
  ["user", "windows", "user"],
  ["root", "windows", "root"],
  ["nonsense", "windows", "root"],
  ["", "windows", "owner-sshpass"],
  ["", "linux", undefined],
] as const)("findSshMode() of CP_CAP_SSH_MODE=%p on %p is %p", (word, platform, expected) => {
  expect(findSshMode(makeRun({ CP_CAP_SSH_MODE: word }, platform))).toBe(expected);
});

test.each([
  ["true", "root"],
  ["false", "owner"],
  [undefined, "root"],
] as const)("modeByPreference() of %p is %p", (value, expected) => {
  expect(modeByPreference(value)).toBe(expected);
});

test.each([
  [{ CP_CAP_SHARE_USERS: "true", "parent-id": "12" }, "12"],
  [{ CP_CAP_SHARE_USERS: "false", "parent-id": "12" }, undefined],
  [{ "parent-id": "12" }, undefined],
  [{ CP_CAP_SHARE_USERS: "true" }, undefined],
  [{ CP_CAP_SHARE_USERS: "true", "parent-id": "../whoami" }, undefined],
])("findPasswordRun() of %p is %p", (parameters, expected) => {
  expect(findPasswordRun(makeRun(parameters as Record<string, string>))).toBe(expected);
});

describe("decideSshAccess()", () => {
  test.each([
    ["root", "root"],
    ["owner", "OWNER"],
    ["owner-sshpass", "OWNER"],
    ["user", "CALLER"],
  ] as const)("in mode %p authorises %p, installed by root", (mode, account) => {
    const password = new Secret("pw");
    const access = decideSshAccess({ run: makeRun({}), mode, password, caller: "CALLER@corp.example" });
    expect(access).toEqual({ administrator: { user: "root", password }, accounts: [account], system: "linux" });
  });

  test("knows Windows", () => {
    const options = {
      run: makeRun({}, "windows"),
      mode: "root",
      password: new Secret("p"),
      caller: undefined,
    } as const;
    expect(decideSshAccess(options).system).toBe("windows");
  });
});
