import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { connectHost, formatEndpoint, formatHost, isIpAddress, parseEndpoint } from "../../src/domain/endpoint.ts";
import { UsageError } from "../../src/domain/errors.ts";

describe("parseEndpoint()", () => {
  test.each([
    ["proxy.example:3128", undefined, { host: "proxy.example", port: 3128 }],
    ["10.0.0.1:22", undefined, { host: "10.0.0.1", port: 22 }],
    ["[::1]:22", undefined, { host: "::1", port: 22 }],
    ["[fe80::1%eth0]:22", undefined, { host: "fe80::1%eth0", port: 22 }],
    ["[2001:DB8::a:b]", 443, { host: "2001:DB8::a:b", port: 443 }],
    ["proxy", 80, { host: "proxy", port: 80 }],
    ["proxy:1", 80, { host: "proxy", port: 1 }],
    ["proxy:65535", undefined, { host: "proxy", port: 65_535 }],
  ])("reads %j with default port %p", (text, defaultPort, endpoint) => {
    expect(parseEndpoint(text, "the proxy", defaultPort)).toEqual(endpoint);
  });

  test.each([
    "",
    "proxy",
    "proxy:",
    "proxy:0",
    "proxy:65536",
    "proxy:999999",
    "proxy:-1",
    "proxy:22x",
    ":22",
    "::1",
    "::1:22",
    "[::1",
    "[]:22",
    "[%]:22",
    "[:]:22",
    "[1.2.3.4]:22",
    "[host]:22",
    "user@proxy:22",
    "http://proxy:22",
    "proxy:22/path",
    "pro xy:22",
    "proxy:22\n",
  ])("refuses %j, naming what it was meant to be", (text) => {
    expect(() => parseEndpoint(text, "the proxy")).toThrow(UsageError);
    expect(() => parseEndpoint(text, "the proxy")).toThrow(`the proxy "${text}"`);
  });

  test("reads back what formatEndpoint() prints", () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        expect(parseEndpoint(formatEndpoint({ host: name, port }), "it")).toEqual({ host: name, port });
      }),
    );
  });
});

test("formatHost() puts brackets around IPv6 addresses alone", () => {
  expect(["::1", "10.0.0.1", "host"].map(formatHost)).toEqual(["[::1]", "10.0.0.1", "host"]);
});

describe("isIpAddress()", () => {
  test.each(["1.2.3.4", "255.255.255.255", "::", "::1", "1::", "fe80::1%eth0", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8"])(
    "is true for %j",
    (text) => expect(isIpAddress(text)).toBe(true),
  );

  test.each([
    "",
    "host",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    ":",
    ":::",
    "1::2::3",
    "cafe:22",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "1.2.3.4:22",
    "::1.2.3",
    "[::1]",
    "10.0.0.1%eth0",
  ])("is false for %j", (text) => expect(isIpAddress(text)).toBe(false));

  test("agrees with the runtime about every address and about texts close to one", () => {
    const close = fc.stringMatching(/^[0-9a-f:.]{1,20}$/);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), close), (text) => {
        expect(isIpAddress(text)).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2000 },
    );
  });
});

test.each([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
  ["localhost", "127.0.0.1"],
  ["127.0.0.2", "127.0.0.2"],
  ["10.0.0.1", "10.0.0.1"],
])("connectHost() reaches what listens on %s at %s", (listenAddress, host) => {
  expect(connectHost(listenAddress)).toBe(host);
});
