import { describe, expect, test } from "bun:test";
import { type AppError, AuthError, NotFoundError, UnreachableError } from "../../src/domain/errors.ts";
import type { TunnelSpec } from "../../src/domain/tunnel-spec.ts";
import { awaitRemote, probeKind } from "../../src/tunnel/await-remote.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { makeSpec } from "../support/specs.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTransport, makeLiveRoute } from "./fake-route.ts";
import { makeAppContext } from "./tunnel-world.ts";

const REFUSED = new UnreachableError("Port refused", { code: "remote-port-refused", hop: "remote-port" });
const DOWN = new UnreachableError("Proxy down", { hop: "proxy-tcp" });

/** Waits for remote ports on a fake clock. `script` gives the error of a dial of a port, or undefined for a stream. */
async function reach(spec: Partial<TunnelSpec>, script: (port: number, nowMs: number) => unknown) {
  const clock = new FakeClock();
  const fake = new FakeTransport(async (_turn, port) => {
    await clock.sleep(5);
    const error = script(port, clock.monotonicMs());
    if (error !== undefined) throw error;
    const [ours, theirs] = streamPair();
    theirs.write(Buffer.from("SSH-2.0-test\r\n"));
    return ours;
  });
  const context = makeAppContext({ home: "/nonexistent", clock });
  const { route } = makeLiveRoute(fake, clock);
  const { signal } = new AbortController();
  const outcome = await clock.runUntil(
    awaitRemote(makeSpec(spec), route, context, signal).catch((error: unknown) => error),
  );
  return { outcome, dials: fake.dials, endedAt: clock.monotonicMs() };
}

const ports = (...remotes: number[]): Partial<TunnelSpec> => ({
  ports: remotes.map((remote, index) => ({ local: 5000 + index, remote })),
});

describe("awaitRemote()", () => {
  test("measures the first port and dials all of them", async () => {
    const { outcome, dials } = await reach(ports(22, 80, 443), () => undefined);
    expect(outcome).toEqual({ roundTripMs: 5, refusals: [] });
    expect(dials).toBe(3);
  });

  test("does not wait long for a port that is refused, and tells of it", async () => {
    const { outcome, endedAt } = await reach(ports(22), () => REFUSED);
    expect(outcome).toEqual({ roundTripMs: undefined, refusals: [REFUSED] });
    expect(endedAt).toBeLessThan(1500);
  });

  test("tells each port that is refused from those that answer", async () => {
    const { outcome } = await reach(ports(80, 81, 82), (port) => (port === 81 ? REFUSED : undefined));
    expect(outcome).toEqual({ roundTripMs: 5, refusals: [REFUSED] });
  });

  test.each<[string, Partial<TunnelSpec>]>([
    ["--wait-for remote", { waitForRemote: true }],
    ["--ssh", { ssh: { users: [], keep: false } }],
  ])("insists on the port with %s", async (_what, spec) => {
    const late = await reach({ ...ports(22), ...spec }, (_port, now) => (now < 3000 ? REFUSED : undefined));
    expect(late.outcome).toMatchObject({ refusals: [] });
    expect((await reach({ ...ports(22), ...spec }, () => REFUSED)).outcome).toBe(REFUSED);
  });

  test("tries again while the way fails for a moment", async () => {
    const { outcome, dials } = await reach(ports(22), (_port, now) => (now < 1000 ? DOWN : undefined));
    expect(outcome).toMatchObject({ refusals: [] });
    expect(dials).toBeGreaterThan(2);
  });

  test("gives up after the tries that it has", async () => {
    const { outcome, dials } = await reach({ ...ports(22), retries: 4 }, () => DOWN);
    expect(outcome).toBe(DOWN);
    expect(dials).toBe(4);
  });

  test.each<[string, AppError]>([
    ["a refused login", new AuthError("Refused", { hop: "api-login" })],
    ["a run that is over", new NotFoundError("Ended", { code: "run-ended", hop: "run-state" })],
  ])("gives up at once for %s", async (_what, error) => {
    const { outcome, dials } = await reach(ports(22), () => error);
    expect(outcome).toBe(error);
    expect(dials).toBe(1);
  });
});

test.each<[string, Partial<TunnelSpec>, number, string]>([
  ["port 22", {}, 22, "ssh"],
  ["another port", {}, 8080, "dial"],
  ["the app sshd", { app: "sshd" }, 2200, "ssh"],
  ["another app", { app: "jupyter" }, 8080, "dial"],
  ["another port of a tunnel with SSH", { ...ports(22, 80), ssh: { users: [], keep: false } }, 80, "dial"],
])("probeKind() of %s", (_what, spec, port, kind) => {
  expect(probeKind(makeSpec(spec), port)).toBe(kind as "ssh");
});
