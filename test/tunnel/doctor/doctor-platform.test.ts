import { describe, expect, test } from "bun:test";
import { type Check, exitCodeOf } from "../../../src/domain/check.ts";
import type { PlatformAccess } from "../../../src/platforms/platform.ts";
import type { Resolver } from "../../../src/streams/resolve-host.ts";
import { platformContext } from "../../../src/tunnel/context.ts";
import { endpointOf, examineAccess, examineIdentity, examineName } from "../../../src/tunnel/doctor/doctor-platform.ts";
import { Examination } from "../../../src/tunnel/doctor/examination.ts";
import { echo, startServer } from "../../support/echo-server.ts";
import { tempHome } from "../../support/temp-home.ts";
import { makeAppContext, makePlatform } from "../tunnel-world.ts";

const NOWHERE = "http://127.99.9.9:1/api";
const LIMITS = { timeoutMs: 5000, signal: new AbortController().signal };

async function examine(work: (examination: Examination) => Promise<unknown>): Promise<readonly Check[]> {
  await using home = await tempHome();
  const examination = new Examination(
    makeAppContext({ home: home.path }).clock,
    () => undefined,
    () => undefined,
  );
  await work(examination);
  return examination.checks;
}

async function access(endpoints: PlatformAccess["endpoints"], wishes: Partial<PlatformAccess> = {}) {
  await using home = await tempHome();
  const context = await platformContext(makeAppContext({ home: home.path }));
  const platform = makePlatform({
    describeAccess: async () => ({ endpoints, credentials: "a token", notes: [], ...wishes }),
  });
  return examine((examination) => examineAccess(platform, context, examination, LIMITS));
}

const told = (checks: readonly Check[]): readonly string[] => checks.map(({ name, state }) => `${name} ${state}`);

describe("examineName()", () => {
  const failing =
    (code: string): Resolver =>
    async () => {
      throw Object.assign(new Error(code), { code });
    };

  test.each<[string, Resolver, string]>([
    ["does not exist", failing("ENOTFOUND"), "no such name"],
    ["cannot be asked for", failing("EAI_AGAIN"), "the name server does not answer"],
    ["nobody answers about", () => new Promise(() => undefined), "does not answer within 20 ms"],
  ])("tells of a name that %s", async (_what, resolve, message) => {
    const limits = { ...LIMITS, timeoutMs: 20, resolve };
    const checks = await examine((examination) => examineName("api-dns", "pipeline.example", examination, limits));
    expect(checks).toMatchObject([
      { name: "api-dns", subject: "pipeline.example", state: "failed", code: "dns-failed", hop: "dns", exitCode: 6 },
    ]);
    expect(checks[0]?.message).toContain(message);
  });

  test("tells the addresses, and looks for none of an address", async () => {
    const limits = { ...LIMITS, resolve: async () => ["127.0.0.1", "::1"] };
    expect(await examine((examination) => examineName("api-dns", "a.example", examination, limits))).toMatchObject([
      { state: "ok", message: "127.0.0.1, ::1" },
    ]);
    expect(await examine((examination) => examineName("api-dns", "127.0.0.1", examination, LIMITS))).toEqual([]);
  });
});

describe("examineAccess()", () => {
  test("is content with the second of two addresses", async () => {
    const server = await startServer(echo);
    const good = { url: `http://127.0.0.1:${server.port}/api`, tls: { verify: true } };
    const checks = await access([{ url: NOWHERE, tls: { verify: true } }, good]);
    expect(told(checks)).toEqual(["credentials ok", "api-connect warning", "api-connect ok"]);
    expect(exitCodeOf(checks)).toBe(0);
    await server.close();
  });

  test("goes to the proxy where calls take one, and names it", async () => {
    const checks = await access([{ url: "https://api.example/", proxy: NOWHERE, tls: { verify: true } }]);
    expect(checks.at(-1)).toMatchObject({ state: "failed", hop: "proxy-tcp", subject: "127.99.9.9:1", exitCode: 6 });
  });

  test("tells of TLS that is none", async () => {
    const server = await startServer(echo);
    const checks = await access([{ url: `https://127.0.0.1:${server.port}/`, tls: { verify: true } }]);
    expect(checks.at(-1)).toMatchObject({ name: "api-connect", state: "failed", hop: "tls" });
    await server.close();
  });

  test("warns of credentials that end soon", async () => {
    const server = await startServer(echo);
    const endpoint = { url: `http://127.0.0.1:${server.port}/`, tls: { verify: true } };
    const checks = await access([endpoint], { notes: ["it expires in 2d"] });
    expect(checks[0]).toMatchObject({ state: "warning", message: "a token: it expires in 2d" });
    await server.close();
  });
});

describe("examineIdentity()", () => {
  test.each([
    [undefined, ["api ok"], ""],
    [3000, ["api ok", "clock ok"], "agrees"],
    [300_000, ["api ok", "clock warning"], "5m ahead of"],
    [-7_200_000, ["api ok", "clock warning"], "2h behind"],
  ])("with a clock that is %p ms ahead tells %j", async (clockSkewMs, expected, words) => {
    await using home = await tempHome();
    const context = await platformContext(makeAppContext({ home: home.path }));
    const platform = makePlatform({
      whoAmI: async () => ({ name: "ADA", ...(clockSkewMs === undefined ? {} : { clockSkewMs }) }),
    });
    const checks = await examine((examination) => examineIdentity(platform, context, examination, LIMITS.signal));
    expect(told(checks)).toEqual([...expected]);
    expect(checks.at(-1)?.message).toContain(words);
  });
});

describe("endpointOf()", () => {
  test.each([
    ["http://a.example/x", "a.example", 80],
    ["https://a.example", "a.example", 443],
    ["wss://a.example/stream", "a.example", 443],
    ["ssh://me@jump.example", "jump.example", 22],
    ["ssh://me@jump.example:2222", "jump.example", 2222],
    ["http://[::1]:8080/", "::1", 8080],
  ])("of %s is %s, %d", (url, host, port) => {
    expect(endpointOf(url)).toEqual({ host, port });
  });
});
