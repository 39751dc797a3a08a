import { describe, expect, test } from "bun:test";
import { readCookie, refuseRequest, SAFETY_HEADERS } from "../../src/tunnel/ui/ui-guard.ts";

const PORT = 8123;
const OWN = { host: "127.0.0.1:8123" };
const POST = { ...OWN, origin: "http://127.0.0.1:8123", "content-type": "application/json" };

function refused(method: string, path: string, headers: Readonly<Record<string, string>>): number | undefined {
  return refuseRequest({ method, path, headers: new Headers(headers) }, PORT)?.status;
}

describe("refuseRequest()", () => {
  test.each([
    ["GET", "/", OWN],
    ["GET", "/", { host: "localhost:8123" }],
    ["GET", "/", { ...OWN, "sec-fetch-site": "cross-site", "sec-fetch-dest": "document" }],
    ["GET", "/chunk.js", { ...OWN, "sec-fetch-site": "same-origin", "sec-fetch-dest": "script" }],
    ["HEAD", "/", OWN],
    ["GET", "/api/state", OWN],
    ["GET", "/api/state", { ...OWN, "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:8123" }],
    ["POST", "/api/tunnels", POST],
    ["POST", "/api/tunnels", { ...POST, host: "localhost:8123", origin: "http://localhost:8123" }],
    ["POST", "/api/tunnels", { ...POST, "sec-fetch-site": "same-origin" }],
  ])("lets through %s %s with %p", (method, path, headers) => {
    expect(refused(method, path, headers)).toBeUndefined();
  });

  test.each([
    [421, "GET", "/", {}],
    [421, "GET", "/", { host: "127.0.0.1" }],
    [421, "GET", "/", { host: "127.0.0.1:8124" }],
    [421, "GET", "/", { host: "evil.example:8123" }],
    [421, "GET", "/", { host: "127.0.0.1.evil.example:8123" }],
    [421, "GET", "/", { host: "0.0.0.0:8123" }],
    [405, "PUT", "/", OWN],
    [405, "OPTIONS", "/api/tunnels", POST],
    [405, "POST", "/", POST],
    [403, "GET", "/api/state", { ...OWN, origin: "http://127.0.0.1:8888" }],
    [403, "GET", "/api/state", { ...OWN, origin: "http://localhost:8123" }],
    [403, "GET", "/api/state", { ...OWN, "sec-fetch-site": "cross-site" }],
    [403, "GET", "/api/state", { ...OWN, "sec-fetch-site": "same-site" }],
    [403, "GET", "/api/state", { ...OWN, "sec-fetch-site": "cross-site", "sec-fetch-dest": "document" }],
    [403, "GET", "/chunk.js", { ...OWN, "sec-fetch-site": "same-site", "sec-fetch-dest": "script" }],
    [403, "POST", "/api/tunnels", { ...OWN, "content-type": "application/json" }],
    [403, "POST", "/api/tunnels", { ...POST, origin: "null" }],
    [403, "POST", "/api/tunnels", { ...POST, origin: "https://127.0.0.1:8123" }],
    [403, "POST", "/api/tunnels", { ...POST, "sec-fetch-site": "same-site" }],
    [415, "POST", "/api/tunnels", { ...POST, "content-type": "text/plain" }],
    [415, "POST", "/api/tunnels", { ...POST, "content-type": "application/x-www-form-urlencoded" }],
  ])("answers %d to %s %s with %p", (status, method, path, headers) => {
    expect(refused(method, path, headers)).toBe(status);
  });
});

describe("SAFETY_HEADERS", () => {
  test("allow no inline script, no inline style, no other origin and no frame", () => {
    const policy = SAFETY_HEADERS["content-security-policy"];
    expect(policy).toStartWith("default-src 'none'; ");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(SAFETY_HEADERS["cache-control"]).toBe("no-store");
    expect(Object.keys(SAFETY_HEADERS).join()).not.toContain("access-control");
  });
});

describe("readCookie()", () => {
  test.each([
    [null, undefined],
    ["", undefined],
    ["a=1", "1"],
    ["b=2; a=1", "1"],
    ["aa=2; a=1", "1"],
    ["b=a=3", undefined],
    ["a", undefined],
    ["a=", ""],
  ])("finds in %p: %p", (header, value) => {
    expect(readCookie(header, "a")).toBe(value);
  });
});
