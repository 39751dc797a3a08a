import { describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Launchd } from "../../../src/os/services/launchd/launchd.ts";
import { renderPlist } from "../../../src/os/services/launchd/plist.ts";
import { requirePeer } from "../../support/peers.ts";
import { parseXml, type XmlElement } from "../../support/strict-xml.ts";
import { tempHome } from "../../support/temp-home.ts";
import { fakeTools, makeDefinition } from "./definition.ts";

/** A property list as data, by the rules of its DTD. */
function decodePlist(element: XmlElement): unknown {
  const { children, name, text } = element;
  switch (name) {
    case "string":
      return text;
    case "integer":
      return Number(text);
    case "true":
    case "false":
      return name === "true";
    case "array":
      return children.map(decodePlist);
    case "dict": {
      const entries: [string, unknown][] = [];
      for (let index = 0; index < children.length; index += 2) {
        const [key, value] = children.slice(index, index + 2);
        if (key?.name !== "key" || value === undefined) throw new Error("A dict is not of keys and values");
        entries.push([key.text, decodePlist(value)]);
      }
      return Object.fromEntries(entries);
    }
    default:
      throw new Error(`Unknown element <${name}>`);
  }
}

const JOB = {
  Label: "local.runtunnel",
  ProgramArguments: makeDefinition().command,
  EnvironmentVariables: makeDefinition().environment,
  RunAtLoad: true,
  KeepAlive: { SuccessfulExit: false },
  ThrottleInterval: 10,
  AbandonProcessGroup: true,
  ExitTimeOut: 60,
  Umask: 63,
};

describe("renderPlist()", () => {
  test("says in strict XML what the job is, with every special character", () => {
    const root = parseXml(renderPlist(makeDefinition()));
    expect(root.name).toBe("plist");
    expect(root.children.map(decodePlist)).toEqual([JOB]);
  });

  test("names the account of a daemon", () => {
    const [job] = parseXml(renderPlist(makeDefinition({ scope: "system", runAs: "ada" }))).children.map(decodePlist);
    expect(job).toEqual({ ...JOB, UserName: "ada" });
  });

  test.skipIf(!requirePeer("plistutil"))("is read by plistutil as what was meant", async () => {
    await using home = await tempHome();
    const path = join(home.path, "job.plist");
    await writeFile(path, renderPlist(makeDefinition()));
    // To its binary form and back: what it did not understand is not in there. Its exit code says nothing.
    Bun.spawnSync(["plistutil", "-f", "bin", "-i", path, "-o", join(home.path, "job.bin")]);
    const { stdout } = Bun.spawnSync(["plistutil", "-f", "xml", "-i", join(home.path, "job.bin")]);
    expect(parseXml(stdout.toString()).children.map(decodePlist)).toEqual([JOB]);
  });

  test.each(["\u0000", "a\nb", "\ud800", "\ufffe"])("refuses %j, which XML cannot hold", (text) => {
    expect(() => renderPlist(makeDefinition({ command: [text] }))).toThrow("control characters");
  });
});

describe("Launchd", () => {
  test("install() writes the agent and loads it anew", async () => {
    await using home = await tempHome();
    const { asked, run } = fakeTools({
      "launchctl print": { exitCode: 113 },
      "launchctl kickstart": { exitCode: 113 },
    });
    const launchd = new Launchd({ homeFolder: home.path, userId: 501, run });
    await launchd.install(makeDefinition());
    const path = join(home.path, "Library/LaunchAgents/local.runtunnel.plist");
    expect(await readFile(path, "utf8")).toBe(renderPlist(makeDefinition()));
    expect(asked.at(-1)).toBe(`launchctl bootstrap gui/501 ${path}`);
    expect(await launchd.uninstall(makeDefinition())).toBe(true);
    expect(await launchd.uninstall(makeDefinition())).toBe(false);
  });

  test("status() and stop() know a job that runs", async () => {
    const { asked, run } = fakeTools({ "launchctl print": { stdout: "x = {\n\tstate = running\n\tpid = 77\n}\n" } });
    const launchd = new Launchd({ homeFolder: "/nowhere", userId: 501, run });
    expect(await launchd.status({ name: "x", scope: "system" })).toEqual({
      installed: false,
      enabled: false,
      running: true,
      pid: 77,
      detail: "running",
    });
    await launchd.stop({ name: "x", scope: "system" });
    expect(asked.at(-1)).toBe("launchctl bootout system/local.x");
  });
});
