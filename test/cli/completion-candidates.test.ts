// What may come next, by the definitions of the real commands.
import { describe, expect, test } from "bun:test";
import { completeWords, type Names } from "../../src/cli/completion-candidates.ts";
import { completionScript, SHELLS } from "../../src/cli/completion-scripts.ts";
import { CORE_SETTINGS } from "../../src/cli/core-settings.ts";
import { describeCommand } from "../../src/cli/describe-command.ts";
import { COMMANDS } from "../../src/cli/program.ts";
import { platforms } from "../../src/platforms/catalog.ts";

const declarations = [...CORE_SETTINGS, ...platforms.flatMap((platform) => platform.settings)];
const commands = COMMANDS.map((command) => describeCommand(command, declarations));
const names: Names = {
  runs: [{ value: "56819" }, { value: "demo" }],
  tunnels: [{ value: "1001" }, { value: "demo" }],
  localPorts: [{ value: "4567" }, { value: "4568" }],
  profiles: ["test", "lab"],
  platforms: ["cloud-pipeline", "backend-ai", "host"],
};

/** The values offered for a line; a blank at its end begins a new word. */
function complete(line: string): readonly string[] {
  const { candidates, files } = completeWords(line === "" ? [""] : line.split(" "), commands, names);
  return [...candidates.map(({ value }) => value), ...(files ? ["FILES"] : [])];
}

describe("completeWords()", () => {
  test.each([
    ["st", ["start", "stop", "status"]],
    ["tunnel st", ["start", "stop", "status"]],
    ["no-such-command ", []],
    ["stop ", ["1001", "demo"]],
    ["start ", ["56819", "demo", "1001"]],
    ["start 5", ["56819"]],
    ["start 56819 ", []],
    ["start -lp 1 ", ["56819", "demo", "1001"]],
    ["start --json ", ["56819", "demo", "1001"]],
    ["start -lp=1 5", ["56819"]],
    ["start -lp ", []],
    ["stop -lp ", ["4567", "4568"]],
    ["stop --local-port=45", ["--local-port=4567", "--local-port=4568"]],
    ["stop -lp=4568", ["-lp=4568"]],
    ["start --platform b", ["backend-ai"]],
    ["list --profile ", ["test", "lab"]],
    ["list -v D", ["DEBUG"]],
    ["runs --state pa", ["paused"]],
    ["start --probe ", ["dial", "ssh", "http"]],
    ["start -i ", ["FILES"]],
    ["key ", ["convert", "upload", "56819", "demo", "1001"]],
    ["key convert ", ["FILES"]],
    ["key convert a b", ["FILES"]],
    ["up ", ["FILES"]],
    ["config ", ["show"]],
    ["config show ", []],
    ["service sta", ["start", "status"]],
    ["completion ", ["bash", "zsh", "fish", "powershell"]],
    ["ssh 1001 -- ", ["FILES"]],
    ["proxy 56819 ", []],
    ["start --keep-", ["--keep-existing", "--keep-same"]],
    ["start -ks --keep-", ["--keep-existing"]],
    ["start --keep-same --keep-", ["--keep-existing"]],
    ["start --json=", []],
    ["start --no-such=", []],
  ])("offers after %p: %p", (line, expected) => {
    expect(complete(line)).toEqual(expected);
  });

  test("offers every command that is not hidden, with its summary", () => {
    const { candidates } = completeWords([""], commands, names);
    for (const { name, summary } of commands) expect(candidates).toContainEqual({ value: name, description: summary });
  });

  test("offers every option of every command, and only options with one dash when they are short", () => {
    for (const command of commands) {
      const { candidates } = completeWords([command.name, "-"], commands, names);
      const values = candidates.map(({ value }) => value);
      for (const option of command.options) expect(values).toContain(`--${option.name}`);
      expect(values).toContain("--help");
      for (const value of values) expect(value).toMatch(/^(?:--[a-z][\w-]+|-[a-z]{1,2})$/);
    }
  });
});

describe("describeCommand()", () => {
  test("knows names, places and choices", () => {
    const start = commands.find(({ name }) => name === "start");
    expect(start?.positionals).toEqual([
      { name: "run", isRequired: false, isRepeated: false, choices: [], description: "Run id, session or host" },
    ]);
    expect(start?.options.find(({ name }) => name === "local-port")).toEqual({
      name: "local-port",
      short: "lp",
      takesValue: true,
      choices: [],
      description: "Local port or range; 0: any free one",
      group: "Tunnel",
    });
    expect(commands.find(({ name }) => name === "config")?.literals).toEqual(["show"]);
  });
});

describe("completionScript()", () => {
  test.each(SHELLS)("for %s asks the program itself and holds no command's name", (shell) => {
    const script = completionScript(shell);
    expect(script).toContain(" complete ");
    for (const { name } of commands) {
      if (!["init", "list", "completion"].includes(name)) expect(script).not.toMatch(new RegExp(`\\b${name}\\b`));
    }
  });
});
