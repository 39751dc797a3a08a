// Editing a TOML text: the wanted values are in it, and nothing else has changed.
import { describe, expect, test } from "bun:test";
import { parse } from "smol-toml";
import { setTomlValues } from "../../src/cli/toml-edit.ts";
import { UsageError } from "../../src/domain/errors.ts";

const VALUES = { api: "https://new.example", token: 'a"b\\c' };

describe("setTomlValues()", () => {
  test.each([
    ["nothing", ""],
    ["other settings with comments", '# mine\nlisten-address = "127.0.0.1"   # keep\n'],
    ["no line end", 'retries = "3"'],
    ["the table", "[cloud-pipeline]\n# the api\napi = 'https://old' # old\n\n[backend-ai]\nendpoint = \"https://x\"\n"],
    [
      "the table with the other platform's behind it",
      '[cloud-pipeline]\ntoken="x"\n[backend-ai]\nendpoint = "https://x"\n',
    ],
    ["an inline table", 'cloud-pipeline = { api = "https://old" }\n'],
    ["dotted keys", 'cloud-pipeline.api = "https://old"\nretries = "2"\n'],
    ["profiles", '[profiles.test.cloud-pipeline]\napi = "https://test.example"\n'],
    ["line ends of Windows", '# mine\r\nretries = "3"\r\n'],
  ])("adds to a text with %s", (_what, text) => {
    const edited = setTomlValues(text, ["cloud-pipeline"], VALUES);
    const before: Record<string, unknown> = parse(text);
    const table = before["cloud-pipeline"];
    const merged = { ...(typeof table === "object" ? table : {}), ...VALUES };
    expect<unknown>(parse(edited)).toEqual({ ...before, "cloud-pipeline": merged });
    for (const comment of text.match(/#.*/g) ?? []) expect(edited).toContain(comment.trimEnd());
    // Twice changes nothing more.
    expect(setTomlValues(edited, ["cloud-pipeline"], VALUES)).toBe(edited);
  });

  test("leaves every line that it does not have to change", () => {
    const text =
      "# head\na = 1 # one\n\n[cloud-pipeline]\n  api = 'x'  # here\n  # between\n  proxy = \"none\"\n\n[z]\nb=2\n";
    const edited = setTomlValues(text, ["cloud-pipeline"], { api: "y" });
    expect(edited).toBe(text.replace("'x'", "'y'"));
  });

  test("makes a profile beside others", () => {
    const text = '[profiles.test.cloud-pipeline]\napi = "https://test.example"\n';
    const edited = setTomlValues(text, ["profiles", "my site", "cloud-pipeline"], { api: "z" });
    expect(edited).toBe(`${text}\n[profiles."my site".cloud-pipeline]\napi = "z"\n`);
  });

  test.each([
    ["no TOML", "a = = 1"],
    ["a value where the table should be", 'cloud-pipeline = "x"\n'],
    ["a profile that is no table", "profiles = 1\n"],
  ])("refuses %s", (_what, text) => {
    const path = text.startsWith("profiles") ? ["profiles", "x", "cloud-pipeline"] : ["cloud-pipeline"];
    expect(() => setTomlValues(text, path, VALUES)).toThrow(UsageError);
  });
});
