import { describe, expect, test } from "bun:test";
import { UnreachableError, UsageError } from "../../../src/domain/errors.ts";
import { Secret } from "../../../src/domain/secret.ts";
import { decideEdge, edgeUrlPath, edgeVia, parseEdgeOverride } from "../../../src/platforms/cloud-pipeline/edge.ts";
import { goodToken, makeToken } from "./tokens.ts";

describe("decideEdge()", () => {
  test.each([
    ["https://edge.example:31081", {}, "edge.example", 31081],
    ["https://edge.example", {}, "edge.example", 443],
    ["http://edge.example/", {}, "edge.example", 80],
    ["https://[fd00::1]:5", {}, "fd00::1", 5],
    ["https://edge.example:31081", { host: "other" }, "other", 31081],
    ["https://edge.example:31081", { port: 8282 }, "edge.example", 8282],
    [undefined, { host: "other", port: 1 }, "other", 1],
  ])("of %p with %p is %p port %p", (url, override, host, port) => {
    expect(decideEdge(url, override)).toEqual({ host, port });
  });

  test.each([
    [undefined, "knows no EDGE"],
    [" ", "knows no EDGE"],
    ["edge", "cannot be read"],
    ["https://", "cannot be read"],
  ])("refuses %p", (url, message) => {
    expect(() => decideEdge(url, {})).toThrow(UnreachableError);
    expect(() => decideEdge(url, {})).toThrow(message);
  });
});

test.each([
  [undefined, "cluster/edge/externalUrl"],
  ["", "cluster/edge/externalUrl"],
  ["eu-central", "cluster/edge/externalUrl?region=eu-central"],
  ["a&b", "cluster/edge/externalUrl?region=a%26b"],
])("edgeUrlPath() of region %p is %p", (region, expected) => {
  expect(edgeUrlPath(region)).toBe(expected);
});

describe("parseEdgeOverride()", () => {
  test.each([
    [{}, {}],
    [{ CP_CLI_TUNNEL_PROXY_HOST: " ", CP_CLI_TUNNEL_PROXY_PORT: "" }, {}],
    [
      { CP_CLI_TUNNEL_PROXY_HOST: "[::1]", CP_CLI_TUNNEL_PROXY_PORT: "8282" },
      { host: "::1", port: 8282 },
    ],
  ])("of %p is %p", (environment, expected) => {
    expect(parseEdgeOverride(environment as Record<string, string>)).toEqual(expected);
  });

  test.each([
    { CP_CLI_TUNNEL_PROXY_HOST: "http://x" },
    { CP_CLI_TUNNEL_PROXY_PORT: "0" },
    { CP_CLI_TUNNEL_PROXY_PORT: "70000" },
    { CP_CLI_TUNNEL_PROXY_PORT: "8282x" },
  ])("refuses %p", (environment) => {
    expect(() => parseEdgeOverride(environment as Record<string, string>)).toThrow(UsageError);
  });
});

describe("edgeVia()", () => {
  const headerOf = async (token: Secret): Promise<string> => {
    const via = edgeVia({ host: "edge.example", port: 31081 }, token);
    const headers = await via.headers?.({ method: "CONNECT", target: "h:1", host: "h:1" });
    return headers?.["Proxy-Authorization"] ?? "";
  };

  test.each([
    [goodToken("USER@corp.example"), "USER"],
    [goodToken("n\u00f6~?>"), "n\u00f6~?>"],
    [goodToken("a:b@c"), "ab"],
    [makeToken({}), "user"],
    [new Secret("opaque"), "user"],
  ])("logs in with the token and a name (%#)", async (token, user) => {
    const expected = Buffer.from(`${user}:${token.reveal()}`).toString("base64");
    expect(await headerOf(token)).toBe(`Basic ${expected}`);
  });

  test("speaks plainly to the proxy and holds the token where it cannot be printed", () => {
    const token = goodToken();
    const via = edgeVia({ host: "::1", port: 443 }, token);
    expect(via.url).toBe("http://[::1]:443");
    expect(Bun.inspect(via) + JSON.stringify(via)).not.toContain(token.reveal().slice(0, 20));
  });
});
