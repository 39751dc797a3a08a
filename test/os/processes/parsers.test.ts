import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parsePowerShellDescription, parsePowerShellStart } from "../../../src/os/processes/powershell.ts";
import { formatCommandLine, parseProcStat, parseStatusUid } from "../../../src/os/processes/proc-files.ts";
import { parsePsDescription, parsePsIdentity } from "../../../src/os/processes/ps-output.ts";
import { findInPasswd } from "../../../src/os/user-name.ts";

function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, "../../fixtures/os", name), "utf8");
}

describe("parseProcStat()", () => {
  test("reads past a name that imitates the fields behind it", () => {
    expect(parseProcStat(fixture("proc-stat-ugly-name.txt"))).toEqual({
      name: "a) S 1 (b c",
      state: "R",
      parentPid: 12911,
      startTicks: "248264",
    });
  });

  test.each(["", "12", "12 (a) S 1", "no process"])("returns undefined for %j", (text) => {
    expect(parseProcStat(text)).toBeUndefined();
  });
});

test("parseStatusUid() takes the real user", () => {
  expect(parseStatusUid("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n")).toBe(1000);
});

test("formatCommandLine() puts arguments on one line; kernel threads have none", () => {
  expect(formatCommandLine("sh\0-c\0echo a\nexit\0")).toBe("sh -c echo a exit");
  expect(formatCommandLine("")).toBeUndefined();
});

describe("parsePsIdentity()", () => {
  test("reads the start, whatever its padding", () => {
    const startedAt = "Fri Nov 7 09:03:11 2025";
    expect(parsePsIdentity(fixture("ps-darwin-identity.txt"), 412)).toEqual({ pid: 412, startedAt });
    expect(parsePsIdentity(`412 S ${startedAt}`, 412)).toEqual({ pid: 412, startedAt });
  });

  test("counts a zombie, another process and nothing as none", () => {
    expect(parsePsIdentity(fixture("ps-darwin-zombie.txt"), 9121)).toBeUndefined();
    expect(parsePsIdentity(fixture("ps-darwin-identity.txt"), 41)).toBeUndefined();
    expect(parsePsIdentity("", 412)).toBeUndefined();
  });
});

test("parsePsDescription() keeps spaces in the command", () => {
  expect(parsePsDescription(fixture("ps-darwin-description.txt"))).toEqual({
    command: '/Applications/Notes Helper.app/Contents/MacOS/Notes Helper --port 8888  --name "a  b"',
    owner: "ann",
    parentPid: 1,
  });
});

describe("parsePowerShellDescription()", () => {
  test("reads a process of ours", () => {
    expect(parsePowerShellDescription(fixture("powershell-process.txt"))).toEqual({
      command: '"C:\\Program Files\\Python\\python.exe" -m http.server 4567',
      owner: "LAB\\ann",
      parentPid: 4120,
    });
  });

  test("has the program's name only where the rest is hidden", () => {
    expect(parsePowerShellDescription(fixture("powershell-foreign-process.txt"))).toEqual({
      command: "svchost.exe",
      owner: "unknown",
      parentPid: 812,
    });
  });

  test.each(["", "null", "Get-CimInstance : Access denied", '{"Name":null,"CommandLine":null}'])(
    "returns undefined for %j",
    (text) => {
      expect(parsePowerShellDescription(text)).toBeUndefined();
    },
  );
});

test("parsePowerShellStart() takes a file time and nothing else", () => {
  expect(parsePowerShellStart("\uFEFF133500000000000000\r\n")).toBe("133500000000000000");
  expect(parsePowerShellStart("Get-Process : Cannot find a process")).toBeUndefined();
  expect(parsePowerShellStart("")).toBeUndefined();
});

test("findInPasswd() finds a user by number, not by the number of the group", () => {
  const text = "# 1000\nroot:x:0:0:root:/root:/bin/sh\n+nis::1000:::\nann:x:1000:1001:Ann,,,:/home/ann:/bin/sh\n";
  expect(findInPasswd(text, 1000)).toBe("ann");
  expect(findInPasswd(text, 1001)).toBeUndefined();
});
