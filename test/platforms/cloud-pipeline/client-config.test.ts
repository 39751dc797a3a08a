import { describe, expect, test } from "bun:test";
import { UsageError } from "../../../src/domain/errors.ts";
import {
  decideConfiguration,
  decodeClientFile,
  needsClientFile,
} from "../../../src/platforms/cloud-pipeline/client-config.ts";
import { makeContext } from "../platform-context.ts";

const PATH = "/home/u/.pipe/config.json";

/** As `pipe configure` writes it: every field, most of them null. */
const FULL = JSON.stringify({
  api: "https://host.example:443/pipeline/restapi/",
  access_key: "file-token",
  tz: "local",
  proxy: "http://proxy.example:3128",
  proxy_ntlm: false,
  proxy_ntlm_user: null,
  proxy_ntlm_domain: null,
  proxy_ntlm_pass: null,
  codec: null,
});

const { settings: NONE } = makeContext();

function settingsOf(values: Readonly<Record<string, string>>) {
  return makeContext({ settings: values }).settings;
}

describe("decodeClientFile()", () => {
  test("reads what pipe writes", () => {
    const file = decodeClientFile(FULL, PATH);
    expect(file).toMatchObject({ api: "https://host.example:443/pipeline/restapi/", ntlm: false });
    expect([file.proxy, file.token?.reveal()]).toEqual(["http://proxy.example:3128", "file-token"]);
  });

  test.each([
    ["{}"],
    ['{"api":null,"access_key":null,"proxy":null,"proxy_ntlm":null}'],
    ['{"api":"","access_key":" ","proxy":""}'],
    ['\uFEFF{"tz":5,"codec":[]}'],
  ])("takes nothing from %p", (text) => {
    expect(decodeClientFile(text, PATH)).toEqual({ ntlm: false });
  });

  test.each([
    ["", "is empty"],
    [" \n", "is empty"],
    [FULL.slice(0, 120), "is not complete JSON"],
    ["access_key=secret-words", "is not complete JSON"],
    ["[]", "holds no JSON object"],
    ["null", "holds no JSON object"],
    ['"text"', "holds no JSON object"],
    ['{"api":5}', 'Field "api"'],
    ['{"access_key":{"a":1}}', 'Field "access_key"'],
    ['{"proxy":["secret-words"]}', 'Field "proxy"'],
    ['{"proxy_ntlm":"yes"}', 'Field "proxy_ntlm" of "/home/u/.pipe/config.json" is not true or false'],
  ])("refuses %p, naming the file and never quoting it", (text, message) => {
    const decode = () => decodeClientFile(text, PATH);
    expect(decode).toThrow(UsageError);
    expect(decode).toThrow(message);
    expect(decode).toThrow(PATH);
    expect(decode).not.toThrow("secret-words");
  });
});

describe("decideConfiguration()", () => {
  const file = { path: PATH, content: decodeClientFile(FULL, PATH) };
  const both = { API: "https://env.example", API_TOKEN: "env-token" };
  const own = { "cloud-pipeline.api": "https://own.example", "cloud-pipeline.token": "own-token" };

  test.each([
    ["file alone", {}, {}, file, PATH, PATH],
    ["nothing", {}, {}, undefined, undefined, undefined],
    ["both variables", {}, both, undefined, "environment API", "environment API_TOKEN"],
    ["API alone, beaten by the file", {}, { API: "https://env.example" }, file, PATH, PATH],
    ["API_TOKEN alone, beaten by the file", {}, { API_TOKEN: "env-token" }, file, PATH, PATH],
    ["API alone without a file", {}, { API: "https://env.example" }, undefined, "environment API", undefined],
    ["an empty variable, which counts as none", {}, { API: "https://env.example", API_TOKEN: "" }, file, PATH, PATH],
    ["own settings", own, both, undefined, "test setting cloud-pipeline.api", "test setting cloud-pipeline.token"],
    [
      "own address, the rest from both variables",
      { "cloud-pipeline.api": "x" },
      both,
      undefined,
      "test setting cloud-pipeline.api",
      "environment API_TOKEN",
    ],
    [
      "own token, the rest from the file",
      { "cloud-pipeline.token": "x" },
      {},
      file,
      PATH,
      "test setting cloud-pipeline.token",
    ],
  ] as const)("takes %s", (_name, settings, environment, found, api, token) => {
    const configuration = decideConfiguration(settingsOf(settings), environment, found);
    expect([configuration.api?.source, configuration.token?.source]).toEqual([api, token]);
  });

  test("does not print the token", () => {
    expect(JSON.stringify(decideConfiguration(NONE, both, file))).not.toContain("env-token");
  });

  test.each([
    ['{"proxy":"pac"}', {}, undefined, 1],
    ['{"proxy":"http://p:1","proxy_ntlm":true}', {}, "http://p:1", 1],
    ['{"proxy":"http://p:1"}', {}, "http://p:1", 0],
    ['{"proxy":"pac"}', { "cloud-pipeline.proxy": "none" }, "none", 0],
  ])("takes from the file %s with settings %p the proxy %p and warns %p times", (text, settings, proxy, warnings) => {
    const found = { path: PATH, content: decodeClientFile(text, PATH) };
    const configuration = decideConfiguration(settingsOf(settings), {}, found);
    expect([configuration.proxy?.value, configuration.warnings.length]).toEqual([proxy, warnings]);
  });

  test.each([
    [{}, {}, true],
    [{}, both, false],
    [{}, { API: "x" }, true],
    [own, {}, false],
    [{ "cloud-pipeline.api": "x" }, {}, true],
    [{ "cloud-pipeline.api": "x" }, both, false],
  ])("needsClientFile() with settings %p and variables %p is %p", (settings, environment, expected) => {
    expect(needsClientFile(settingsOf(settings), environment)).toBe(expected);
  });
});
