// The reference that is made from the commands' definitions: it is current, manual readers take it, and its examples are
// command lines that this program understands.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { referenceDocuments } from "../../scripts/docs/render.ts";
import { COMMANDS, parseCommandLine } from "../../src/cli/program.ts";
import { makeWorld } from "../cli/cli-world.ts";
import { requirePeer } from "../support/peers.ts";
import { runToEnd } from "../support/release.ts";
import { callsOf } from "../support/shell-words.ts";

const ROOT = resolve(import.meta.dir, "../..");
const PAGE = join(ROOT, "docs/runtunnel.1");

describe("the command reference", () => {
  test.each(referenceDocuments())("$path is current (else: bun run docs)", ({ path, render }) => {
    const text = readFileSync(join(ROOT, path), "utf8").replaceAll("\r\n", "\n");
    const date = /^\.TH \S+ 1 (\S+)/m.exec(text)?.[1] ?? "";
    expect(text).toBe(render(date));
  });

  test.skipIf(!requirePeer("mandoc"))("is a manual page that mandoc finds nothing wrong with", async () => {
    expect(await runToEnd(["mandoc", "-T", "lint", "-W", "style", PAGE])).toBe("");
  });

  test.skipIf(!requirePeer("groff"))("is a manual page that groff finds nothing wrong with", async () => {
    expect(await runToEnd(["sh", "-c", `groff -man -ww -z -Tutf8 '${PAGE}' 2>&1`])).toBe("");
  });

  test.skipIf(!requirePeer("man"))("shows every command in man", async () => {
    const text = await runToEnd(["man", "-l", PAGE], { ...process.env, MANWIDTH: "100", LC_ALL: "C.UTF-8" });
    for (const { usage } of COMMANDS) expect(text).toContain(`runtunnel ${usage} [options]`);
    expect(text).toContain("-lp, --local-port PORT");
  });
});

describe.each(COMMANDS.map((command) => [command.usage.split(" ")[0] ?? "", command] as const))(
  "%s",
  (name, command) => {
    test("shows at least two examples in its help, all of them real", async () => {
      expect(command.examples.length).toBeGreaterThanOrEqual(2);
      const help = await parseCommandLine(makeWorld([name, "--help"]));
      if (help.kind !== "help") throw new Error("No help was printed");
      for (const [line] of command.examples) {
        const shown = line.replaceAll("$0", "runtunnel");
        // The help breaks long lines between words, and puts the explanation beside the first of them.
        for (const word of shown.split(" ")) expect(help.text.replaceAll(/\s+/g, "")).toContain(word);
        const calls = callsOf("runtunnel", shown);
        expect(calls.length).toBeGreaterThan(0);
        for (const words of calls) expect(await parseCommandLine(makeWorld(words))).toMatchObject({ kind: "command" });
      }
    });
  },
);
