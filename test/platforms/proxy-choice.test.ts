import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/domain/errors.ts";
import { decideProxy, parseHttpProxy } from "../../src/platforms/proxy-choice.ts";

const PROXY = { https_proxy: "http://proxy.example:3128", HTTP_PROXY: "plain.example:8080" };

describe("decideProxy()", () => {
  test.each([
    ["https://api.example/x", PROXY, "http://proxy.example:3128"],
    ["http://api.example/x", PROXY, "http://plain.example:8080"],
    ["https://api.example/x", { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" }, "http://b:2"],
    ["https://api.example/x", { ALL_PROXY: "http://all.example:9" }, "http://all.example:9"],
    ["https://api.example/x", { https_proxy: " " }, undefined],
    ["https://api.example/x", {}, undefined],
    ["https://127.0.0.1/x", PROXY, undefined],
    ["https://127.9.8.7/x", PROXY, undefined],
    ["https://[::1]/x", PROXY, undefined],
    ["https://localhost:8443/x", PROXY, undefined],
    ["https://api.example/x", { ...PROXY, no_proxy: "*" }, undefined],
    ["https://api.example/x", { ...PROXY, NO_PROXY: "other.test,.example" }, undefined],
    ["https://api.example/x", { ...PROXY, no_proxy: "other.test API.EXAMPLE" }, undefined],
    ["https://my-api.example/x", { ...PROXY, no_proxy: "api.example" }, "http://proxy.example:3128"],
    ["https://api.example/x", { ...PROXY, no_proxy: "api.example:443" }, undefined],
    ["https://api.example/x", { ...PROXY, no_proxy: "api.example:8443" }, "http://proxy.example:3128"],
    ["https://10.1.2.3/x", { ...PROXY, no_proxy: "10.0.0.0/8" }, undefined],
    ["https://11.1.2.3/x", { ...PROXY, no_proxy: "10.0.0.0/8" }, "http://proxy.example:3128"],
    ["https://11.1.2.3/x", { ...PROXY, no_proxy: "10.0.0.0/99,1.2.3.4/x" }, "http://proxy.example:3128"],
    ["https://[fd00::1]/x", { ...PROXY, no_proxy: "[fd00::1]:443" }, undefined],
  ])("takes for %s with %p the proxy %p", (url, environment, expected) => {
    expect(decideProxy(new URL(url), { environment })?.url).toBe(expected);
  });

  test.each([
    ["http://own.example:1", "http://own.example:1"],
    ["none", undefined],
    ["direct", undefined],
    [" ", "http://proxy.example:3128"],
  ])("takes the setting %p before the variables, NO_PROXY or not", (value, expected) => {
    const wishes = { configured: { value, source: "test" }, environment: PROXY };
    expect(decideProxy(new URL("https://api.example/"), wishes)?.url).toBe(expected);
  });

  test("takes a proxy that was set for loopback too", () => {
    const wishes = { configured: { value: "http://own.example:1", source: "test" }, environment: { no_proxy: "*" } };
    expect(decideProxy(new URL("https://127.0.0.1/"), wishes)?.url).toBe("http://own.example:1");
  });
});

describe("parseHttpProxy()", () => {
  test("moves credentials out of the URL", () => {
    const proxy = parseHttpProxy("http://u%40corp:p%3Aw%@proxy.example:3128/", "test");
    expect(proxy.url).toBe("http://proxy.example:3128");
    expect(proxy.authorization?.reveal()).toBe(`Basic ${btoa("u@corp:p%3Aw%")}`);
  });

  test.each(["socks5://x:1", "http://", "ftp://x", "http://a b"])("refuses %p, naming the source only", (text) => {
    expect(() => parseHttpProxy(text, "HTTPS_PROXY")).toThrow(UsageError);
    expect(() => parseHttpProxy(text, "HTTPS_PROXY")).toThrow("given by HTTPS_PROXY");
  });
});
