import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AuthError, UsageError } from "../../../src/domain/errors.ts";
import { createBackendAi } from "../../../src/platforms/backend-ai/backend-ai.ts";
import {
  type ConfigSources,
  decideConfig,
  findValues,
  hasCredentials,
} from "../../../src/platforms/backend-ai/client-config.ts";
import { makeContext } from "../platform-context.ts";
import { Scratch } from "./fixture.ts";

const KEYS = { BACKEND_ACCESS_KEY: "AKIA", BACKEND_SECRET_KEY: "secret" };

const CREDENTIALS = {
  path: "credentials.toml",
  text: '[backend-ai]\naccess_key = "FILE"\nsecret_key = "file secret"\n',
};
const CONFIG = {
  path: "config.toml",
  text: '[backend-ai]\nendpoint = "https://file.example"\nendpoint_type = "api"\nskip_ssl_verification = true\n',
};

function find(sources: Partial<Omit<ConfigSources, "settings">> & { settings?: Record<string, string> } = {}) {
  const { environment = {}, files = [], settings = {} } = sources;
  return findValues({
    environment,
    files,
    settings: {
      find: (key) => (settings[key] === undefined ? undefined : { value: settings[key], source: "our settings" }),
    },
  });
}

describe("findValues()", () => {
  test.each([
    [
      "our settings",
      { "backend-ai.endpoint": "https://ours.example" },
      { BACKEND_ENDPOINT: "b" },
      "https://ours.example",
    ],
    ["BACKEND_ENDPOINT", {}, { BACKEND_ENDPOINT: "https://b.example", SORNA_ENDPOINT: "s" }, "https://b.example"],
    ["SORNA_ENDPOINT", {}, { SORNA_ENDPOINT: "https://s.example" }, "https://s.example"],
    ["config.toml", {}, { BACKEND_ENDPOINT: " " }, "https://file.example"],
  ] as const)("takes the endpoint from %s first", (source, settings, environment, value) => {
    const { source: found, value: text } =
      find({ settings, environment, files: [CREDENTIALS, CONFIG] })("endpoint") ?? {};
    expect([found, text]).toEqual([source, value]);
  });

  test("names file and line of broken TOML, never its text", () => {
    const files = [{ path: "credentials.toml", text: '[backend-ai]\nsecret_key = "s3cr3t\n' }];
    try {
      find({ files });
      throw new Error("it did not fail");
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect(String(error)).toBe('UsageError: Cannot read "credentials.toml": not valid TOML at line 2');
      expect(Bun.inspect(error)).not.toContain("s3cr3t");
    }
  });
});

describe("decideConfig()", () => {
  test("takes the client's files alone", () => {
    const config = decideConfig(find({ files: [CREDENTIALS, CONFIG] }));
    expect(config.endpoints.map(String)).toEqual(["https://file.example/"]);
    expect(config).toMatchObject({ verifyTls: false, domain: "default", way: "manager" });
    expect(config.identity).toMatchObject({ kind: "key-pair", keys: { accessKey: "FILE" } });
  });

  test("takes several endpoints, with or without a scheme, and the vendor's own by default", () => {
    const endpoint = { BACKEND_ENDPOINT: "a.example, http://b.example:8081/x ," };
    expect(decideConfig(find({ environment: { ...KEYS, ...endpoint } })).endpoints.map(String)).toEqual([
      "https://a.example/",
      "http://b.example:8081/x",
    ]);
    expect(decideConfig(find({ environment: KEYS })).endpoints.map(String)).toEqual(["https://api.cloud.backend.ai/"]);
  });

  test.each([
    [{}, AuthError, "access key"],
    [{ BACKEND_ACCESS_KEY: "x" }, AuthError, "secret key"],
    [{ BACKEND_ENDPOINT_TYPE: "session" }, AuthError, "no login"],
    [{ ...KEYS, BACKEND_ENDPOINT_TYPE: "docker" }, UsageError, 'endpoint type "docker"'],
    [{ ...KEYS, BACKEND_ENDPOINT: "ftp://x" }, UsageError, 'endpoint "ftp://x"'],
    [{ ...KEYS, BACKEND_ENDPOINT: "https://me:pw@x.example" }, UsageError, "holds a user name"],
    [{ ...KEYS, BACKEND_ENDPOINT: " , " }, UsageError, "empty"],
    [{ ...KEYS, BACKEND_SKIP_SSLCERT_VALIDATION: "perhaps" }, UsageError, "switch"],
  ])("refuses %p", (environment, kind, text) => {
    const decide = () => decideConfig(find({ environment }));
    expect(decide).toThrow(kind);
    expect(decide).toThrow(text);
    expect(decide).not.toThrow("pw");
  });

  test("refuses a stored login that cannot be read, without showing it", () => {
    const settings = { "backend-ai.session": '{"version":1,"session":"abc123"}' };
    expect(() => decideConfig(find({ settings }))).toThrow(
      "stored Backend.AI login given by our settings cannot be read",
    );
  });
});

test.each([
  [KEYS, true],
  [{ BACKEND_ACCESS_KEY: "x" }, false],
  [{ BACKEND_USER: "u", BACKEND_PASSWORD: "p" }, false],
  [{ BACKEND_USER: "u", BACKEND_PASSWORD: "p", BACKEND_ENDPOINT_TYPE: "session" }, true],
])("hasCredentials() of %p is %p", (environment, expected) => {
  expect(hasCredentials(find({ environment }))).toBe(expected);
});

describe("the platform's configuration", () => {
  test("describeConfiguration() names sources and shows no secret", async () => {
    using scratch = new Scratch();
    await mkdir(join(scratch.path, ".backend.ai"));
    await writeFile(join(scratch.path, ".backend.ai/credentials.toml"), CREDENTIALS.text);
    const context = makeContext({ homeFolder: scratch.path, environment: { BACKEND_ENDPOINT: "https://u:pw@x" } });
    const platform = createBackendAi();
    const rows = await platform.describeConfiguration(context);
    const row = (key: string) => rows.find((candidate) => candidate.key === `backend-ai.${key}`);
    expect(row("endpoint")).toMatchObject({ source: "BACKEND_ENDPOINT", value: "https://[redacted]@x" });
    expect(row("access-key")?.source).toEndWith("credentials.toml");
    expect(row("password")).toEqual({ key: "backend-ai.password", source: "not set" });
    expect(JSON.stringify(rows)).not.toContain("file secret");
    expect(await platform.isConfigured(context)).toBe(true);
    expect(await platform.isConfigured(makeContext())).toBe(false);
  });

  test("declares a variable for each setting, and a flag for none that is secret", () => {
    for (const setting of createBackendAi().settings) {
      expect(setting.variables[0]).toMatch(/^RUNTUNNEL_BACKEND_AI_[A-Z_]+$/);
      if (setting.kind === "secret") expect(setting.flag).toBeUndefined();
    }
  });
});
