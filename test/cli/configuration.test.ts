import { describe, expect, test } from "bun:test";
import { CliConfiguration, type ConfigurationSources, decodeHandover } from "../../src/cli/configuration.ts";
import { makeWorld } from "./cli-world.ts";

const SECRETS = {
  API_TOKEN: "s3cr3t-token",
  CP_PASSWORD: "not-declared",
  BACKEND_ACCESS_KEY: "s3cr3t-access",
  BACKEND_SECRET_KEY: "s3cr3t-key",
  RUNTUNNEL_PROXY_PASSWORD: "s3cr3t-proxy",
  RUNTUNNEL_JUMP_PASSWORD: "s3cr3t-jump",
};
const ENVIRONMENT = { ...SECRETS, PATH: "/bin", LANG: "C", EMPTY: undefined, RUNTUNNEL_PROFILE: "work" };

function configure(wishes: Partial<ConfigurationSources> = {}): CliConfiguration {
  const { declarations, clientVariables, configFile } = makeWorld([]);
  return new CliConfiguration({
    declarations,
    clientVariables,
    configFile,
    flags: {},
    environment: ENVIRONMENT,
    readConfigFile: async () => "[profiles.work]\nretries = 7",
    ...wishes,
  });
}

describe("CliConfiguration", () => {
  test("keeps every declared secret out of the environment of a background process", () => {
    const { declarations } = makeWorld([]);
    const { childEnvironment } = configure();
    expect(childEnvironment).toMatchObject({ PATH: "/bin", LANG: "C" });
    expect("EMPTY" in childEnvironment).toBe(false);
    for (const { variables } of declarations.filter(({ kind }) => kind === "secret")) {
      for (const name of variables) expect(childEnvironment[name]).toBeUndefined();
    }
    const printed = JSON.stringify(childEnvironment);
    expect(printed).not.toContain("s3cr3t");
  });

  test("keeps what a service manager tells us to ourselves", () => {
    const { childEnvironment } = configure({ environment: { NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "5" } });
    expect(childEnvironment).toEqual({});
  });

  test("hands over all that decides settings, so that the child weighs the same", async () => {
    const parent = configure({ flags: { retries: "3" }, profile: "work" });
    const handover = decodeHandover(parent.handover("/logs/x.log"));
    expect(handover).toMatchObject({
      flags: { retries: "3" },
      profile: "work",
      logFile: "/logs/x.log",
      environment: { API_TOKEN: "s3cr3t-token", BACKEND_SECRET_KEY: "s3cr3t-key" },
    });
    const child = configure({
      flags: handover?.flags ?? {},
      environment: { ...parent.childEnvironment, ...handover?.environment },
      ...(handover?.profile === undefined ? {} : { profile: handover.profile }),
    });
    const [one, other] = [await parent.load(), await child.load()];
    for (const { key } of makeWorld([]).declarations) expect(other.find(key)).toEqual(one.find(key));
    expect(child.environment).toEqual(parent.environment);
  });

  test("reads the file anew each time, so that changes are seen without a restart", async () => {
    let text = "retries = 1";
    const configuration = configure({ environment: {}, readConfigFile: async () => text });
    expect((await configuration.load()).find("retries")?.value).toBe("1");
    text = "retries = 2";
    expect((await configuration.load()).find("retries")?.value).toBe("2");
  });

  test.each<[string, Partial<ConfigurationSources>]>([
    ["--profile", { profile: "work", environment: {} }],
    ["the environment", { environment: { RUNTUNNEL_PROFILE: "work" } }],
  ])("refuses a profile of %s where there is no file", async (_what, wishes) => {
    await expect(configure({ ...wishes, readConfigFile: async () => undefined }).load()).rejects.toThrow(
      'There is no profile "work"',
    );
  });

  test("works without a file", async () => {
    const configuration = configure({ environment: { RUNTUNNEL_PROFILE: "" }, readConfigFile: async () => undefined });
    expect((await configuration.load()).find("retries")).toBeUndefined();
  });
});

describe("decodeHandover()", () => {
  test.each(["", " \n"])("takes %j for no handover", (text) => {
    expect(decodeHandover(text)).toBeUndefined();
  });

  test.each(["{", "[]", "null", '{"flags":{}}', '{"flags":{"a":1},"environment":{},"logFile":"x"}'])(
    "refuses %s without repeating it",
    (text) => {
      expect(() => decodeHandover(text)).toThrow("The settings on standard input cannot be read");
    },
  );
});
