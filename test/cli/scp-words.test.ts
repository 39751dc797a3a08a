import { describe, expect, test } from "bun:test";
import { readScpWords } from "../../src/cli/scp-words.ts";

describe("readScpWords()", () => {
  test.each<[string, string, string, string]>([
    ["an upload", "data.csv 56819:/work/", "56819", "data.csv :/work/"],
    ["a download with options", "-r pipeline-56819:results .", "pipeline-56819", "-r :results ."],
    ["several files", "56819:a 56819:b .", "56819", ":a :b ."],
    ["the home folder", "a.txt my-session:", "my-session", "a.txt :"],
    ["a prefixed run", "a.txt bai:my-session:x", "bai:my-session", "a.txt :x"],
    ["a colon in the path", "a.txt 56819:x:y", "56819", "a.txt :x:y"],
    ["a local drive", "C:\\data.csv 56819:/work/", "56819", "C:\\data.csv :/work/"],
    ["an option with a colon in its value", "-o A=b:c a 56819:x", "56819", "-o A=b:c a :x"],
    ["the run in front", "56819 data.csv :/work/", "56819", "data.csv :/work/"],
    ["a prefixed run in front", "cp:56819 data.csv :/work/", "cp:56819", "data.csv :/work/"],
    ["a prefixed run in front, and no path on it", "cp:56819 a b", "cp:56819", "a b"],
  ])("reads %s", (_what, line, run, words) => {
    const [first = "", ...rest] = line.split(" ");
    expect(readScpWords(first, rest)).toEqual({ run, words: words.split(" ") });
  });

  test("refuses paths on two runs", () => {
    expect(() => readScpWords("56819:a", ["56820:b"])).toThrow('not "56819" and "56820"');
  });
});
