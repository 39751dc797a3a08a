import { describe, expect, test } from "bun:test";
import { ConflictError, UnreachableError } from "../../../src/domain/errors.ts";
import type { TunnelStatus } from "../../../src/tunnel/control/control-protocol.ts";
import { DIAL_BUCKETS_MS, DialCounter } from "../../../src/tunnel/dial-counter.ts";
import type { SupervisedTunnel } from "../../../src/tunnel/service/service-files.ts";
import { startServiceHttp } from "../../../src/tunnel/service/service-http.ts";
import { renderMetrics } from "../../../src/tunnel/service/service-metrics.ts";
import {
  type ReportedTunnel,
  renderHealth,
  renderPage,
  renderStatusText,
} from "../../../src/tunnel/service/service-report.ts";
import { parseMetrics } from "./prometheus-text.ts";

const NOW = 1_700_000_000_000;

function makeTunnel(wishes: Partial<SupervisedTunnel> = {}): SupervisedTunnel {
  return {
    entry: "one",
    run: "1",
    platform: "test",
    runName: "run-1",
    localPorts: [4567],
    state: "up",
    restarts: 2,
    ...wishes,
  };
}

function makeStatus(wishes: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    health: { state: "healthy", since: NOW, failuresInRow: 0, roundTripMs: 12.5 },
    route: "direct",
    incarnation: "first",
    openConnections: 3,
    totalConnections: 10,
    failedConnections: 1,
    bytesUp: 1000,
    bytesDown: 2_000_000,
    inFlightBytes: 0,
    probes: [],
    outages: [],
    ...wishes,
  };
}

const well: ReportedTunnel = { tunnel: makeTunnel(), status: makeStatus() };
const sick: ReportedTunnel = {
  tunnel: makeTunnel({ entry: "two" }),
  status: makeStatus({
    health: {
      state: "unhealthy",
      since: NOW,
      failuresInRow: 3,
      lastFailure: { code: "x", message: "Proxy is away", at: NOW },
    },
  }),
};
const waiting: ReportedTunnel = {
  tunnel: makeTunnel({ entry: "three", state: "waiting", problem: "Login refused", nextTryAt: NOW + 60_000 }),
};
const held: ReportedTunnel = { tunnel: makeTunnel({ entry: "four", state: "held" }) };

describe("renderStatusText()", () => {
  test.each([
    [[well], "1 tunnel: 1 healthy"],
    [[well, held], "2 tunnels: 1 healthy, 1 held"],
    [[well, sick], "2 tunnels: 1 healthy, 1 unhealthy; two: Proxy is away"],
    [[well, waiting], "2 tunnels: 1 healthy, 1 waiting; three: Login refused (next try in 1m)"],
  ])("%#", (tunnels, text) => {
    expect(renderStatusText(tunnels, NOW)).toBe(text);
  });
});

describe("renderHealth()", () => {
  test.each([
    ["a healthy tunnel", well, true],
    ["an unhealthy one", sick, false],
    ["one that waits for its next try", waiting, false],
    ["one that was stopped by hand", held, true],
    ["one that is up and was not asked yet", { tunnel: makeTunnel() }, true],
    ["one that is starting", { tunnel: makeTunnel({ state: "starting" as const }) }, false],
    ["one whose run has ended", { tunnel: makeTunnel({ state: "ended" as const }) }, false],
  ])("%s", (_, reported, ok) => {
    expect(renderHealth([reported]).ok).toBe(ok);
    expect(renderHealth([well, reported]).ok).toBe(ok);
  });
});

describe("renderMetrics()", () => {
  test("is what strict tools read, whatever the names are", () => {
    const dials = new DialCounter();
    for (const ms of [1, 7, 7, 400, 60_000]) dials.succeed(ms);
    dials.fail(new UnreachableError("x", { hop: "proxy-tcp" }));
    dials.fail(new Error("a bug"));
    const ugly = { tunnel: makeTunnel({ entry: 'a "b"\\\nc', run: "ü" }), status: makeStatus({ dials: dials.counts }) };
    const samples = parseMetrics(renderMetrics([ugly, well, waiting], NOW));
    const labels = { tunnel: 'a "b"\\\nc', run: "ü", platform: "test" };
    const value = (name: string, more: Readonly<Record<string, string>> = {}): number | undefined =>
      samples.find(
        (sample) => sample.name === `runtunnel_${name}` && Bun.deepEquals(sample.labels, { ...labels, ...more }),
      )?.value;
    expect(value("tunnel_up")).toBe(1);
    expect(value("tunnel_restarts_total")).toBe(2);
    expect(value("tunnel_bytes_total", { direction: "down" })).toBe(2_000_000);
    expect(value("tunnel_dial_failures_total", { hop: "proxy-tcp" })).toBe(1);
    expect(value("tunnel_dial_failures_total", { hop: "unknown" })).toBe(1);
    expect(value("tunnel_round_trip_seconds")).toBe(0.0125);
    expect(value("tunnel_dial_duration_seconds_bucket", { le: "0.005" })).toBe(1);
    expect(value("tunnel_dial_duration_seconds_bucket", { le: "0.01" })).toBe(3);
    expect(value("tunnel_dial_duration_seconds_bucket", { le: "10" })).toBe(4);
    expect(value("tunnel_dial_duration_seconds_bucket", { le: "+Inf" })).toBe(5);
    expect(value("tunnel_dial_duration_seconds_count")).toBe(5);
    expect(value("tunnel_dial_duration_seconds_sum")).toBeCloseTo(60.415);
    expect(value("tunnel_state", { state: "healthy" })).toBe(1);
    const states = samples.filter(
      (sample) => sample.name === "runtunnel_tunnel_state" && sample.labels["tunnel"] === "three",
    );
    expect(states.filter((sample) => sample.value === 1).map((sample) => sample.labels["state"])).toEqual(["waiting"]);
    expect(samples.find(({ name }) => name === "runtunnel_supervisor_start_time_seconds")?.value).toBe(NOW / 1000);
  });

  test("without any tunnel is still a valid page", () => {
    expect(parseMetrics(renderMetrics([], NOW)).length).toBe(1);
  });
});

test("DIAL_BUCKETS_MS goes up", () => {
  expect([...DIAL_BUCKETS_MS]).toEqual([...DIAL_BUCKETS_MS].sort((a, b) => a - b));
});

test("renderPage() lets no name become markup", () => {
  const page = renderPage([{ tunnel: makeTunnel({ entry: '<script>"&' }) }], "/a<b>.toml");
  expect(page).toContain("<td>&lt;script&gt;&quot;&amp;</td>");
  expect(page).toContain("/a&lt;b&gt;.toml");
});

describe("startServiceHttp()", () => {
  const serve = (tunnels: readonly ReportedTunnel[], port = 0) =>
    startServiceHttp({
      listen: { host: "127.0.0.1", port },
      file: "/t.toml",
      startedAt: NOW,
      collect: async () => tunnels,
    });

  test("answers health with 200 or 503, for all and for one", async () => {
    const http = serve([well, sick]);
    try {
      const get = async (path: string): Promise<number> => (await fetch(new URL(path, http.url))).status;
      expect(await get("/healthz")).toBe(503);
      expect(await get("/healthz/one")).toBe(200);
      expect(await get("/healthz/two")).toBe(503);
      expect(await get("/healthz/none")).toBe(404);
      expect(await get("/healthz/%zz")).toBe(404);
      expect(await get("/")).toBe(200);
      expect(await get("/metrics")).toBe(200);
      expect(await get("/other")).toBe(404);
      expect((await fetch(http.url, { method: "POST" })).status).toBe(405);
      const metrics = await fetch(new URL("/metrics", http.url));
      expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      parseMetrics(await metrics.text());
    } finally {
      http.close();
    }
  });

  test("answers no page of the web whose name leads here", async () => {
    const http = serve([well]);
    try {
      const response = await fetch(http.url, { headers: { host: "evil.invalid" } });
      expect(response.status).toBe(403);
    } finally {
      http.close();
    }
  });

  test("says that a port is taken", () => {
    const http = serve([well]);
    try {
      expect(() => serve([well], Number(new URL(http.url).port))).toThrow(ConflictError);
    } finally {
      http.close();
    }
  });
});
