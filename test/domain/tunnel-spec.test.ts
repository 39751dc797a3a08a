import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isSameTunnel, sharedLocalPorts, type TunnelSpec } from "../../src/domain/tunnel-spec.ts";
import { makeSpec } from "../support/specs.ts";

const ssh = { users: ["root", "ada"], keep: false };

describe("isSameTunnel()", () => {
  test.each<[string, Partial<TunnelSpec>]>([
    ["the run", { run: "56820" }],
    ["the platform", { platform: "backend-ai" }],
    ["a local port", { ports: [{ local: 4568, remote: 22 }] }],
    ["a remote port", { ports: [{ local: 4567, remote: 23 }] }],
    ["the number of ports", { ports: [...makeSpec().ports, { local: 4568, remote: 23 }] }],
    ["the way", { direct: true }],
    ["the app", { app: "jupyter" }],
    ["the listening address", { listenAddress: "0.0.0.0" }],
    ["passwordless SSH", { ssh: { users: [], keep: false } }],
  ])("tells tunnels apart by %s", (_what, change) => {
    expect(isSameTunnel(makeSpec(), makeSpec(change))).toBe(false);
    expect(isSameTunnel(makeSpec(change), makeSpec())).toBe(false);
    expect(isSameTunnel(makeSpec(change), makeSpec(change))).toBe(true);
  });

  test.each<[string, Partial<typeof ssh> & { alias?: string; folder?: string }]>([
    ["the alias", { alias: "mine" }],
    ["the folder", { folder: "/home/ada/.ssh2" }],
    ["the accounts", { users: ["root"] }],
    ["the order of the accounts", { users: ["ada", "root"] }],
  ])("tells passwordless SSH apart by %s", (_what, change) => {
    expect(isSameTunnel(makeSpec({ ssh }), makeSpec({ ssh: { ...ssh, ...change } }))).toBe(false);
  });

  test.each<[string, Partial<TunnelSpec>]>([
    ["the time for a dial", { connectTimeoutMs: 1 }],
    ["the tries", { retries: 1 }],
    ["the region", { region: "eu" }],
    ["the user acted for", { actAs: "ben" }],
    ["keeping the configuration", { ssh: { ...ssh, keep: true } }],
    ["the hold", { holdMs: 1 }],
    ["waiting for the remote port", { waitForRemote: true }],
  ])("does not care about %s, as `pipe` does not", (_what, change) => {
    expect(isSameTunnel(makeSpec({ ssh }), makeSpec({ ssh, ...change }))).toBe(true);
  });
});

describe("sharedLocalPorts()", () => {
  const pairs = fc.array(fc.record({ local: fc.integer({ min: 0, max: 6 }), remote: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 8,
  });

  test("names the ports that are in both, and never a wish for any free one", () => {
    fc.assert(
      fc.property(pairs, pairs, (one, other) => {
        const shared = sharedLocalPorts(one, other);
        const both = (port: number): boolean =>
          port !== 0 && one.some(({ local }) => local === port) && other.some(({ local }) => local === port);
        for (let port = 0; port <= 6; port += 1) expect(shared.includes(port)).toBe(both(port));
      }),
    );
  });
});
