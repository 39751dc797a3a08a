import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { quoteWindowsWord, renderTask } from "../../../src/os/services/windows-task/task-xml.ts";
import { WindowsTask } from "../../../src/os/services/windows-task/windows-task.ts";
import { parseXml, type XmlElement } from "../../support/strict-xml.ts";
import { fakeTools, makeDefinition } from "./definition.ts";

/** Splits a command line as CommandLineToArgvW documents it. */
function splitWindowsLine(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const slashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0;
    if (line[at + slashes] === '"') {
      word = (word ?? "") + "\\".repeat(Math.floor(slashes / 2));
      at += slashes;
      if (slashes % 2 === 1) word += '"';
      else quoted = !quoted;
    } else if (slashes > 0) {
      word = (word ?? "") + "\\".repeat(slashes);
      at += slashes - 1;
    } else if (/[ \t]/.test(line[at] ?? "") && !quoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + line[at];
  }
  return word === undefined ? words : [...words, word];
}

function find(element: XmlElement, ...path: readonly string[]): XmlElement {
  return path.reduce((parent, name) => {
    const child = parent.children.find((candidate) => candidate.name === name);
    if (child === undefined) throw new Error(`No <${name}> in <${parent.name}>`);
    return child;
  }, element);
}

test("quoteWindowsWord() gives back any words through CommandLineToArgvW", () => {
  const word = fc.string({ unit: fc.constantFrom('"', "\\", " ", "a", "ü", "\t", "'", "%") });
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitWindowsLine(words.map(quoteWindowsWord).join(" "))).toEqual([...words]);
    }),
  );
});

describe("renderTask()", () => {
  test("runs the command at logon, for ever, and again after a failure", () => {
    const root = parseXml(renderTask(makeDefinition(), "DESK\\ada"));
    expect(root.attributes["xmlns"]).toBe("http://schemas.microsoft.com/windows/2004/02/mit/task");
    const exec = find(root, "Actions", "Exec");
    const [program, ...words] = makeDefinition().command;
    expect(find(exec, "Command").text).toBe(program ?? "");
    expect(splitWindowsLine(find(exec, "Arguments").text)).toEqual(words);
    expect(find(root, "Triggers", "LogonTrigger", "UserId").text).toBe("DESK\\ada");
    expect(find(root, "Settings", "ExecutionTimeLimit").text).toBe("PT0S");
    expect(find(root, "Settings", "RestartOnFailure", "Interval").text).toBe("PT1M");
  });

  test("runs at boot in system scope", () => {
    const root = parseXml(renderTask(makeDefinition({ scope: "system" }), "DESK\\ada"));
    expect(find(root, "Triggers").children.map(({ name }) => name)).toEqual(["BootTrigger"]);
    expect(find(root, "Principals", "Principal", "UserId").text).toBe("S-1-5-18");
  });
});

describe("WindowsTask", () => {
  const definition = makeDefinition({ environment: {} });

  test("install() registers the XML and runs the task", async () => {
    const { asked, run } = fakeTools({});
    await new WindowsTask({ userName: () => "ada", run }).install(definition);
    expect(asked[0]).toMatch(/^schtasks \/Create \/TN \\runtunnel\\runtunnel \/XML \S+task\.xml \/F$/);
    expect(asked[1]).toBe("schtasks /Run /TN \\runtunnel\\runtunnel");
  });

  test("file() refuses an environment that a task cannot carry", () => {
    const { run } = fakeTools({});
    expect(() => new WindowsTask({ userName: () => "ada", run }).file(makeDefinition())).toThrow("RUNTUNNEL_STATE_DIR");
  });

  test("uninstall() of a task that does not exist does nothing", async () => {
    const { asked, run } = fakeTools({ powershell: { exitCode: 1 } });
    expect(await new WindowsTask({ userName: () => "ada", run }).uninstall(definition)).toBe(false);
    expect(asked.length).toBe(1);
  });
});
