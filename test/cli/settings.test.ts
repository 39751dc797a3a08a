import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nameSetting, type SettingSources, weighSettings } from "../../src/cli/settings.ts";
import { UsageError } from "../../src/domain/errors.ts";
import type { SettingDeclaration } from "../../src/domain/setting.ts";

const declare = (key: string, variables: readonly string[], kind: SettingDeclaration["kind"] = "text") => ({
  key,
  variables,
  flag: key.replaceAll(".", "-"),
  kind,
  description: key,
});
const DECLARATIONS: readonly SettingDeclaration[] = [
  declare("retries", ["RETRIES"]),
  declare("cloud-pipeline.api", ["OUR_API", "API"]),
  declare("cloud-pipeline.token", ["API_TOKEN"], "secret"),
  declare("cloud-pipeline.insecure", [], "boolean"),
];
const PATH = "/config.toml";

function weigh(text: string | undefined, sources: Partial<SettingSources> = {}): (key: string) => string | undefined {
  const settings = weighSettings({
    declarations: DECLARATIONS,
    flags: {},
    environment: {},
    ...(text === undefined ? {} : { file: { path: PATH, text } }),
    ...sources,
  });
  return (key) => {
    const found = settings.find(key);
    return found === undefined ? undefined : `${found.value} (${found.source})`;
  };
}

describe("nameSetting()", () => {
  test.each([
    ["flag --retries", "--retries"],
    ["environment RUNTUNNEL_RETRIES", "RUNTUNNEL_RETRIES"],
    ["/config.toml", "retries in /config.toml"],
    ["/my config.toml [profiles.test]", "retries in /my config.toml [profiles.test]"],
  ])("calls a value from %s %s", (source, name) => {
    expect(nameSetting("retries", { value: "x", source })).toBe(name);
  });
});

describe("weighSettings()", () => {
  const FILE = '[cloud-pipeline]\napi = "file"';

  test("takes the first of flag, environment and file, and says which", () => {
    const flags = { "cloud-pipeline.api": "flag" };
    const key = "cloud-pipeline.api";
    expect(weigh(FILE, { flags, environment: { API: "env" } })(key)).toBe("flag (flag --cloud-pipeline-api)");
    expect(weigh(FILE, { environment: { API: "env" } })(key)).toBe("env (environment API)");
    expect(weigh(FILE, { environment: { API: "env", OUR_API: "ours" } })(key)).toBe("ours (environment OUR_API)");
    expect(weigh(FILE, { environment: { API: "" } })(key)).toBe("file (/config.toml)");
    expect(weigh(undefined)(key)).toBeUndefined();
    expect(weigh(FILE)("retries")).toBeUndefined();
    expect(weigh(FILE)("unknown")).toBeUndefined();
  });

  test.each([
    ["retries = 5", "retries", "5"],
    ['retries = "5"', "retries", "5"],
    ["cloud-pipeline.insecure = true", "cloud-pipeline.insecure", "true"],
    ['cloud-pipeline.api = "a"', "cloud-pipeline.api", "a"],
    ['[cloud-pipeline]\r\napi = "a"\r\n', "cloud-pipeline.api", "a"],
    ["\uFEFFretries = 5", "retries", "5"],
  ])("reads %j", (text, key, value) => {
    expect(weigh(text)(key)).toBe(`${value} (${PATH})`);
  });

  const PROFILES = `retries = 1\nprofile = "home"\n[profiles.home]\nretries = 2\n[profiles.work]\ncloud-pipeline.api = "w"`;

  test("puts a profile above the rest of the file", () => {
    expect(weigh(PROFILES)("retries")).toBe("2 (/config.toml [profiles.home])");
    expect(weigh(PROFILES, { profile: "work" })("retries")).toBe("1 (/config.toml)");
    expect(weigh(PROFILES, { profile: "work" })("cloud-pipeline.api")).toBe("w (/config.toml [profiles.work])");
    expect(weigh(PROFILES, { environment: { RUNTUNNEL_PROFILE: "work" } })("retries")).toBe("1 (/config.toml)");
    expect(weigh(PROFILES, { profile: "home", environment: { RUNTUNNEL_PROFILE: "work" } })("retries")).toBe(
      "2 (/config.toml [profiles.home])",
    );
  });

  test("takes an empty variable for none, as it does everywhere", () => {
    expect(weigh(PROFILES, { environment: { RUNTUNNEL_PROFILE: "" } })("retries")).toBe(
      "2 (/config.toml [profiles.home])",
    );
  });

  test.each<[string, string, string, string | undefined]>([
    ["an unknown key", "retires = 5", 'Unknown setting "retires" in /config.toml', undefined],
    ["an unknown key in a table", "[cloud-pipeline]\napu = 1", 'Unknown setting "cloud-pipeline.apu"', undefined],
    ["an unknown table", "[pipeline]\napi = 1", 'Unknown setting "pipeline"', undefined],
    ["an unknown key in a profile", "[profiles.a]\nx = 1", 'Unknown setting "x" in /config.toml [profiles.a]', "a"],
    ["a list", "retries = [5]", '"retries" in /config.toml must be a text', undefined],
    ["a table for a value", "[retries]\na = 1", '"retries" in /config.toml must be a text', undefined],
    ["a value for a table", "cloud-pipeline = 5", 'Unknown setting "cloud-pipeline"', undefined],
    ["a date", "retries = 2024-01-01", '"retries" in /config.toml must be a text', undefined],
    ["a profile that is not there", "[profiles.home]", 'There is no profile "work" in "/config.toml"', "work"],
    ["a profile that is no table", "profiles.work = 5", 'There is no profile "work"', "work"],
    ["a profile by a name of the runtime", "[profiles.home]", 'There is no profile "__proto__"', "__proto__"],
    ["another such name", "[profiles.home]", 'There is no profile "constructor"', "constructor"],
    ["a choice of profile that is a list", "profile = [5]\n[profiles.home]", '"profile" in /config.toml', undefined],
    ["a default profile that is not there", 'profile = "gone"', 'There is no profile "gone"', undefined],
  ])("refuses %s, naming file and key", (_what, text, message, profile) => {
    const sources = profile === undefined ? {} : { profile };
    expect(() => weigh(text, sources)).toThrow(UsageError);
    expect(() => weigh(text, sources)).toThrow(message);
  });

  test.each([
    ["retries = ", 1],
    ["retries = 5\n[cloud-pipeline\n", 2],
    ["retries = 5\nretries = 6\n", 2],
    ["\n\n = 5", 3],
    ['a = "\u0000"', 1],
  ])("names line and column of a fault in %j", (text, line) => {
    expect(() => weigh(text)).toThrow(UsageError);
    expect(() => weigh(text)).toThrow(new RegExp(`^Cannot read "/config\\.toml", line ${line}, column \\d+: `));
  });

  test("names the settings there are", () => {
    expect(() => weigh("[cloud-pipeline]\nfrobnicate = 1")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("cloud-pipeline.api, cloud-pipeline.token") }),
    );
  });

  test("meets any text with settings or a UsageError", () => {
    const line = fc.oneof(fc.string(), fc.stringMatching(/^[a-z.[\]"= 0-9]{0,30}$/));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          weigh(lines.join("\n"));
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });

  test.each([
    ["cloud-pipeline.apu = 'x'", undefined, 'Did you mean "cloud-pipeline.api"?'],
    ["cloud-pipelin.api = 'x'", undefined, 'Did you mean "cloud-pipeline.api"?'],
    ["[profiles.work]\n[profiles.home]", "wrok", 'Did you mean "work"?'],
    ["[profiles.work]\n[profiles.home]", "elsewhere", "Profiles are: work, home"],
  ])("suggests what was meant in %j, profile %p", (text, profile, hint) => {
    const sources = profile === undefined ? {} : { profile };
    expect(() => weigh(text, sources)).toThrow(expect.objectContaining({ hint }));
  });
});
