import { describe, expect, test } from "bun:test";
import { UsageError } from "../../../src/domain/errors.ts";
import {
  maskProxySetting,
  type ProxySetting,
  parseHostKeys,
  parseProxySetting,
} from "../../../src/platforms/plain-host/proxy-setting.ts";

function urlOf(setting: ProxySetting): string {
  return "url" in setting ? setting.url : "";
}

describe("parseProxySetting()", () => {
  test.each([
    ["", "direct", ""],
    ["none", "direct", ""],
    ["cloud-pipeline", "cloud-pipeline", ""],
    ["http://proxy.example:3128", "http-connect", "http://proxy.example:3128"],
    ["http://proxy.example/", "http-connect", "http://proxy.example:80"],
    ["HTTPS://proxy.example", "http-connect", "https://proxy.example:443"],
    ["http://[::1]:3128", "http-connect", "http://[::1]:3128"],
    ["ws://relay.example", "websocket", "ws://relay.example:80/"],
    [
      "wss://relay.example/to/{host}/{port}?a={port}#x",
      "websocket",
      "wss://relay.example:443/to/{host}/{port}?a={port}",
    ],
    ["ws://relay.example?token={port}", "websocket", "ws://relay.example:80/?token={port}"],
    ["ssh://me@jump.example", "ssh-jump", "ssh://me@jump.example:22"],
    ["ssh://me:pw@jump.example:2222/", "ssh-jump", "ssh://me@jump.example:2222"],
    ["ssh://me@corp@jump.example", "ssh-jump", "ssh://me%40corp@jump.example:22"],
  ])("reads %p as %p %p", (text, kind, url) => {
    const setting = parseProxySetting(text, "test");
    expect([setting.kind, urlOf(setting)] as string[]).toEqual([kind, url]);
  });

  test.each([
    ["http://u:p@h:1", "u", "p"],
    ["http://u@h:1", "u", undefined],
    ["https://u%3Ax:p%40%2F@h:1", "u:x", "p@/"],
    ["http://u:p%@h:1", "u", "p%"],
    ["ws://u:a@b@h/x@y", "u", "a@b"],
    ["ssh://u:p:q@h", "u", "p:q"],
  ])("takes the login out of %p", (text, user, password) => {
    const setting = parseProxySetting(text, "test");
    const login = "login" in setting ? setting.login : undefined;
    expect([login?.user, login?.password?.reveal()]).toEqual([user, password]);
    expect(urlOf(setting)).not.toContain("p%");
    expect(urlOf(setting).replace(/^ssh:..u@/, "")).not.toContain("@h:");
  });

  test.each([
    "proxy.example:3128",
    "socks5://secret:words@h:1",
    "http://",
    "http://secret:words@",
    "http://h:0",
    "http://h:99999",
    "http://secret:wo/rds@h:1",
    "ws://secret:wo/rds@h:1",
    "http://h:1/path",
    "ssh://jump.example",
    "ssh://:words@jump.example",
    "http://a b",
  ])("refuses %p without quoting it", (text) => {
    try {
      parseProxySetting(text, "RUNTUNNEL_PROXY");
      throw new Error("accepted");
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect(String(error)).toContain("RUNTUNNEL_PROXY");
      expect(
        Bun.inspect(error, { depth: 9 })
          .split("\n")
          .filter((line) => /^\s*(cause|error|.*Error:)/.test(line))
          .join(),
      ).not.toMatch(/secret|words|wo\b/);
    }
  });
});

test.each([
  ["cloud-pipeline", "cloud-pipeline"],
  ["http://u:p@h:1", "http://[redacted]@h:1"],
  ["wss://h/x", "wss://h:443/x"],
  ["ssh://u:p@h", "ssh://u@h:22"],
  ["u:p@h", "not understood"],
])("maskProxySetting() shows %p as %p", (text, expected) => {
  expect(maskProxySetting(text)).toBe(expected);
});

const FINGERPRINT = `SHA256:${"a".repeat(43)}`;

test.each([
  [FINGERPRINT, [FINGERPRINT]],
  [`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host, ${FINGERPRINT}`, ["AAAAC3NzaC1lZDI1NTE5", FINGERPRINT]],
  ["SHA256:short", []],
  ["MD5:00:11", []],
])("parseHostKeys() of %p is %p", (text, expected) => {
  expect(parseHostKeys(text)).toEqual(expected);
});
