import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { AppError } from "../../../src/domain/errors.ts";
import type { Route } from "../../../src/domain/route.ts";
import { platforms } from "../../../src/platforms/catalog.ts";
import { createPlainHost, recogniseHost } from "../../../src/platforms/plain-host/plain-host.ts";
import type { ResolveOptions } from "../../../src/platforms/platform.ts";
import { tempHome } from "../../support/temp-home.ts";
import { makeContext, makeOptions, rejection } from "../platform-context.ts";

const EDGE: Route = { transport: "http-connect", host: "through-edge", via: { url: "http://edge.example:1" } };
const platform = createPlainHost({ edgeRoute: async (host) => ({ ...EDGE, host }) });

async function routeOf(
  settings: Readonly<Record<string, string>>,
  options: Partial<ResolveOptions> = {},
  homeFolder = "/nonexistent",
): Promise<Route> {
  return (await platform.resolve("db.example", makeOptions(options), makeContext({ settings, homeFolder }))).route;
}

async function headersOf(route: Route): Promise<Readonly<Record<string, string>> | undefined> {
  return route.via?.headers?.({ method: "CONNECT", target: "db.example:22", host: "db.example:22" });
}

describe("recogniseHost()", () => {
  test.each([
    ["10.244.1.2", "10.244.1.2", "certain"],
    ["::1", "::1", "certain"],
    ["[FE80::1%eth0]", "fe80::1%eth0", "certain"],
    ["localhost", "localhost", "likely"],
    ["DB.Example.", "db.example", "likely"],
    ["ip-10-0-0-1.eu.compute.internal", "ip-10-0-0-1.eu.compute.internal", "likely"],
    ["my_host", "my_host", "possible"],
    ["pipeline-56819", "pipeline-56819", "possible"],
  ] as const)("takes %p for %p, %p", (name, id, claim) => {
    expect(recogniseHost(name)).toEqual({ id, claim });
  });

  test.each([
    "56819",
    "10.1",
    "1.2.3.999",
    "",
    ".",
    "a..b",
    "-a.b",
    "a b",
    "a/b",
    "u@h",
    "[h]",
    "a:b",
    `${"x".repeat(64)}.y`,
  ])("does not take %p for a host", (name) => {
    expect(recogniseHost(name)).toBeUndefined();
  });
});

describe("resolve()", () => {
  test("goes directly by default and with --direct", async () => {
    expect(await routeOf({})).toEqual({ transport: "direct", host: "db.example" });
    const options = { direct: true };
    expect(await routeOf({ "host.proxy": "http://p.example:1" }, options)).toEqual({
      transport: "direct",
      host: "db.example",
    });
  });

  test.each([
    [{ "host.proxy": "http://u:p@p.example:1" }, "http-connect", "http://p.example:1", "Proxy-Authorization", "u:p"],
    [{ "host.proxy": "http://p.example:1" }, "http-connect", "http://p.example:1", "Proxy-Authorization", undefined],
    [
      { "host.proxy": "http://u:p@p.example:1", "host.proxy-password": "q" },
      "http-connect",
      "http://p.example:1",
      "Proxy-Authorization",
      "u:q",
    ],
    [
      { "host.proxy": "http://p.example:1", "host.proxy-user": "v", "host.proxy-password": "q" },
      "http-connect",
      "http://p.example:1",
      "Proxy-Authorization",
      "v:q",
    ],
    [{ "host.proxy": "ws://u:p@p.example/{host}" }, "websocket", "ws://p.example:80/{host}", "Authorization", "u:p"],
  ])("goes with %p by %s %s", async (settings, transport, url, header, login) => {
    const route = await routeOf(settings as Record<string, string>);
    expect([route.transport, route.via?.url, route.via?.tls]).toEqual([transport, url, undefined]);
    const expected = login === undefined ? undefined : { [header]: `Basic ${btoa(login)}` };
    expect(await headersOf(route)).toEqual(expected);
    expect(Bun.inspect(route, { depth: 9 })).not.toContain("u:p");
  });

  test.each([
    ["https://p.example", {}, true],
    ["https://p.example", { "host.proxy-insecure": "true" }, false],
    ["wss://p.example", {}, true],
  ])("checks the certificate of %p with %p: %p", async (proxy, settings, verify) => {
    expect((await routeOf({ "host.proxy": proxy, ...settings })).via?.tls).toEqual({ verify });
  });

  test("hands on the authority of the proxy", async () => {
    const path = join(import.meta.dir, "../fixtures/tls/authority.pem");
    const route = await routeOf({ "host.proxy": "https://p.example", "host.proxy-ca-file": path });
    expect(route.via?.tls?.certificateAuthority).toBe(await Bun.file(path).text());
  });

  test("borrows the proxy of Cloud Pipeline", async () => {
    expect(await routeOf({ "host.proxy": "cloud-pipeline" })).toEqual({ ...EDGE, host: "db.example" });
  });

  test("logs in at a jump host with key, passphrase and host key", async () => {
    await using home = await tempHome();
    await Bun.write(join(home.path, "id"), "KEY TEXT");
    const key = `SHA256:${"b".repeat(43)}`;
    const settings = { "host.jump-identity": "~/id", "host.jump-password": "open", "host.jump-host-key": key };
    const route = await routeOf({ "host.proxy": "ssh://me@jump.example", ...settings }, {}, home.path);
    const login = route.via?.login;
    expect([route.transport, route.via?.url, login?.user, login?.hostKeys]).toEqual([
      "ssh-jump",
      "ssh://me@jump.example:22",
      "me",
      [key],
    ]);
    expect([login?.privateKey?.reveal(), login?.passphrase?.reveal(), login?.password?.reveal()]).toEqual([
      "KEY TEXT",
      "open",
      "open",
    ]);
    expect(JSON.stringify(route)).not.toMatch(/KEY TEXT|open/);
  });

  test.each([
    [{ "host.proxy": "ssh://me@jump.example" }, "No login for the SSH jump host"],
    [{ "host.proxy": "ssh://me:p@jump.example", "host.jump-host-key": "MD5:0" }, "Cannot read the host key"],
    [{ "host.proxy": "http://p.example:1", "host.proxy-password": "q" }, "but no user"],
    [{ "host.proxy": "http://p.example:1", "host.proxy-user": "a:b" }, "cannot hold a colon"],
    [{ "host.proxy": "https://p.example", "host.proxy-insecure": "perhaps" }, "Cannot read the switch"],
    [{ "host.proxy": "nonsense" }, "Cannot read the proxy"],
  ])("refuses %p", async (settings, message) => {
    const error = await rejection(routeOf(settings as Record<string, string>));
    expect(error).toBeInstanceOf(AppError);
    expect(String(error)).toContain(message);
  });

  test("offers SSH only to those with a key of their own", async () => {
    const resolve = (identityGiven: boolean) =>
      platform.resolve("db.example", makeOptions({ identityGiven }), makeContext());
    expect((await resolve(false)).ssh).toBeUndefined();
    expect((await resolve(true)).ssh).toEqual({ accounts: [], system: "linux" });
  });
});

test("describeConfiguration() masks what is secret", async () => {
  const settings = { "host.proxy": "http://u:pw@p.example:1", "host.jump-password": "pw" };
  const rows = await platform.describeConfiguration(makeContext({ settings }));
  expect(JSON.stringify(rows)).not.toContain("pw");
  expect(rows.find((row) => row.key === "host.proxy")?.value).toBe("http://[redacted]@p.example:1");
  expect(rows).toHaveLength(platform.settings.length);
});

test("platforms have names, prefixes, settings and variables of their own", () => {
  for (const list of [
    platforms.map((each) => each.name),
    platforms.map((each) => each.prefix),
    platforms.flatMap((each) => each.settings.map((setting) => setting.key)),
    platforms.flatMap((each) => each.settings.flatMap((setting) => setting.variables)),
  ]) {
    expect(new Set(list).size).toBe(list.length);
  }
});
