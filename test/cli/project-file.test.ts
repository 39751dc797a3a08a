import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { CliConfiguration } from "../../src/cli/configuration.ts";
import { CORE_SETTINGS } from "../../src/cli/core-settings.ts";
import { loadProject } from "../../src/cli/load-project.ts";
import { parseProjectFile } from "../../src/cli/project-file.ts";
import { errorMessage, UsageError } from "../../src/domain/errors.ts";
import type { SettingDeclaration } from "../../src/domain/setting.ts";

const PROXY: SettingDeclaration = {
  key: "host.proxy",
  variables: [],
  flag: "proxy",
  kind: "text",
  description: "Way to plain hosts",
};
const DECLARATIONS = [...CORE_SETTINGS, PROXY];
const GOOD = `
[service]
listen = "127.0.0.1:9464"
stop-timeout = "5s"

[defaults]
retries = 3
ssh-user = "ada"

[[tunnel]]
name = "gpu"
run = 56819
local-port = 4567
remote-port = 22
ssh = true
identity = "keys/id"
connection-timeout = 2.5

[[tunnel]]
run = "10.0.0.1"
local-port = "8000-8002"
remote-port = "9000-9002"
proxy = "http://proxy.example:3128"
retries = 7
ssh-user = ["ada", "bob"]
ssh = true
`;

describe("parseProjectFile()", () => {
  test("reads fields, defaults and the service", () => {
    const { entries, service } = parseProjectFile(GOOD, "/p/t.toml", DECLARATIONS);
    expect(service).toEqual({ listen: { host: "127.0.0.1", port: 9464 }, stopTimeoutMs: 5000 });
    expect(entries.map(({ name, position }) => `${name} ${position.line}:${position.column}`)).toEqual([
      "gpu 10:1",
      "10.0.0.1:8000-8002 19:1",
    ]);
    expect(entries[0]?.words).toEqual({
      run: "56819",
      "local-port": "4567",
      "remote-port": "22",
      ssh: true,
      "ssh-user": "ada",
      identity: "keys/id",
      "connection-timeout": "2.5",
      retries: "3",
    });
    expect(entries[1]?.words).toMatchObject({ proxy: "http://proxy.example:3128", retries: "7" });
  });

  const tunnel = (lines: string): string => `[[tunnel]]\nrun = 1\nlocal-port = 1000\nremote-port = 22\n${lines}`;
  const rows: readonly (readonly [string, string, string])[] = [
    ["no TOML", "a = \n", "line 1, column "],
    ["no tunnel", "", "it names no tunnel"],
    ["an empty list", "tunnel = []", "it names no tunnel"],
    ["tunnels that are no tables", "tunnel = [1]", 'line 1, column 11: "tunnel.0" must be a table'],
    ["an unknown field", tunnel("lokal-port = 5"), 'line 5, column 1: tunnel 1 has no field "lokal-port"'],
    ["an unknown table", `${tunnel("")}[servise]\n`, 'line 5, column 1: the file has no field "servise"'],
    ["a token", tunnel('token = "x"'), 'has no field "token"'],
    ["a password in a URL", tunnel('proxy = "http://u:p@h:1"'), 'field "proxy": passwords do not belong'],
    ["a text for a switch", tunnel('ssh = "yes"'), 'field "ssh": it must be true or false, not the text "yes"'],
    ["a switch for a port", "[[tunnel]]\nrun = 1\nlocal-port = true", 'line 3, column 1, field "local-port"'],
    ["a port too high", "[[tunnel]]\nrun = 1\nlocal-port = 70000", 'field "local-port": Port out of range'],
    ["a range of words", '[[tunnel]]\nrun = 1\nlocal-port = "a-b"', 'Cannot read local-port "a-b"'],
    ["no run", "[[tunnel]]\nlocal-port = 1", 'line 1, column 1: tunnel 1 has no field "run"'],
    ["an empty run", '[[tunnel]]\nrun = ""', 'field "run": it must be a text or a number, not an empty text'],
    ["a bad duration", tunnel('timeout = "5 parsecs"'), 'line 5, column 1, field "timeout": Cannot read timeout'],
    ["retries of none", tunnel("retries = 0"), 'field "retries": Cannot read retries "0"'],
    ["a wish for nothing", tunnel('wait-for = "godot"'), 'field "wait-for": "godot" cannot be waited for'],
    ["a list of numbers", tunnel("ssh-user = [1]"), 'field "ssh-user": it must be a text or a list of texts'],
    ["one port for two", `${tunnel("")}${tunnel("")}`, 'tunnel "1:1000" wants local port 1000, which tunnel "1:1000"'],
    [
      "overlapping ranges",
      `${tunnel('name = "a"')}\n[[tunnel]]\nrun=2\nlocal-port="999-1001"`,
      "wants local port 1000",
    ],
    ["two of one name", `${tunnel('name = "a"')}\n[[tunnel]]\nname="a"\nrun=2\nlocal-port=7`, 'is named "a" too'],
    ["a port in defaults", `[defaults]\nlocal-port = 1\n${tunnel("")}`, '[defaults] has no field "local-port"'],
    ["a bad listen", `${tunnel("")}[service]\nlisten = "a b"`, 'line 6, column 1, field "listen"'],
  ];
  test.each(rows)("refuses %s", (_, text, message) => {
    const read = (): unknown => parseProjectFile(text, "/p/t.toml", DECLARATIONS);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
    expect(read).toThrow('"/p/t.toml"');
  });

  test("suggests the field that was meant, and tells all mistakes at once", () => {
    const one = caught(() => parseProjectFile(tunnel("reties = 5"), "/p/t.toml", DECLARATIONS));
    expect(one.hint).toBe('Did you mean "retries"?');
    const three = caught(() => parseProjectFile(tunnel("reties = 5\nssh = 1\nuser = 4"), "/p/t.toml", DECLARATIONS));
    expect(three.message.split("\n").length).toBe(4);
    expect(three.message).toContain("has 3 mistakes");
  });

  test("reads a file with a byte order mark and Windows line ends", () => {
    const { entries } = parseProjectFile(`\uFEFF${GOOD.replaceAll("\n", "\r\n")}`, "/p/t.toml", DECLARATIONS);
    expect(entries.map(({ position }) => position.line)).toEqual([10, 19]);
  });
});

describe("loadProject()", () => {
  const configuration = new CliConfiguration({
    declarations: DECLARATIONS,
    clientVariables: [],
    flags: { retries: "9" },
    environment: {},
    configFile: "/nowhere",
    readConfigFile: async () => 'connection-timeout = "4s"\n[profiles.work]\n"host.proxy" = "http://work:1"\n',
  });
  const world = { declarations: DECLARATIONS, homeFolder: "/home/ada" };
  const load = (text: string) => loadProject({ file: "/p/t.toml", text }, configuration, world);

  test("makes of each entry what start would make of its words", async () => {
    const { entries } = await load(GOOD);
    expect(entries[0]).toMatchObject({
      name: "gpu",
      where: '"/p/t.toml", line 12, column 1',
      start: {
        run: "56819",
        spec: {
          ports: [{ local: 4567, remote: 22 }],
          retries: 3,
          connectTimeoutMs: 2500,
          identity: join("/p", "keys/id"),
          ssh: { users: ["ada"], keep: false },
        },
      },
    });
    expect(entries[1]?.start.spec.connectTimeoutMs).toBe(4000);
    expect(entries[1]?.start.spec.ssh?.users).toEqual(["ada", "bob"]);
    expect((await entries[1]?.configuration.load())?.find("host.proxy")?.value).toBe("http://proxy.example:3128");
    expect((await entries[0]?.configuration.load())?.find("host.proxy")).toBeUndefined();
  });

  test.each([
    ["[[tunnel]]\nrun = 1\nlocal-port = 5\nssh-keep = true\n", "makes sense only with"],
    ['[[tunnel]]\nrun = 1\nlocal-port = 5\nremote-port = "6-7"\n', "differs from the number of remote ports"],
    ['[[tunnel]]\nrun = 1\nlocal-port = 5\nprofile = "home"\n', 'There is no profile "home"'],
  ])("refuses what does not go together: %j", async (text, message) => {
    const error = await load(text).catch((caughtError: unknown) => caughtError);
    expect(error).toBeInstanceOf(UsageError);
    expect(errorMessage(error)).toContain(message);
    expect(errorMessage(error)).not.toContain("--");
  });
});

function caught(work: () => unknown): UsageError {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return error;
  }
  throw new Error("No UsageError was thrown");
}
