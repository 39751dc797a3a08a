import { describe, expect, test } from "bun:test";
import { translatePipeWords } from "../../src/cli/pipe-words.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { makeWorld } from "./cli-world.ts";

describe("translatePipeWords()", () => {
  test.each([
    ["start 1 -lp 1 -sf", "start 1 -lp 1 -s -f"],
    ["start 1 -fsd", "start 1 -f -s -d"],
    ["start 1 --noclean --debug --trace", "start 1 --log-level=DEBUG --trace"],
    ["start 1 -u me -sp /x -sk -ks", "start 1 -u me -sp /x -sk -ks"],
    ["stop 1 -u me --noclean -f", "stop 1 -f"],
    ["list --user=me -u=me", "list"],
    ["list -u", "list"],
    ["ssh 1 --debug -u me", "ssh 1 --debug -u me"],
    ["scp 1 --noclean", "scp 1 --noclean"],
  ])("turns '%s' into '%s'", (given, expected) => {
    expect(translatePipeWords(given.split(" ")).join(" ")).toBe(expected);
  });
});

describe("parseCommandLine()", () => {
  test.each([
    ["tunnel start 1 -lp 4567 -rp 22 -sf --noclean --debug", { ssh: true, foreground: true, "log-level": "DEBUG" }],
    ["tunnel stop 1 -f -u admin --noclean --trace", { force: true, trace: true }],
    ["tunnel list -u admin -v INFO --debug --noclean", { "log-level": ["INFO", "DEBUG"] }],
  ])("takes all that `pipe %s` takes", async (line, expected) => {
    expect(await parseCommandLine(makeWorld(line.split(" ")))).toMatchObject({ kind: "command", words: expected });
  });
});
