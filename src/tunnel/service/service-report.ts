// A supervisor in words and figures: the status line, health as JSON, metrics for Prometheus, a page for people. Pure.
import { formatDuration } from "../../domain/duration.ts";
import { formatPorts } from "../../domain/ports.ts";
import type { TunnelStatus } from "../control/control-protocol.ts";
import type { SupervisedTunnel } from "./service-files.ts";

/** One tunnel with its figures, where its process answered. */
export type ReportedTunnel = { readonly tunnel: SupervisedTunnel; readonly status?: TunnelStatus };

/** The state of a tunnel for people and programs: its health while it is up. */
export type ReportedState =
  | "starting"
  | "healthy"
  | "degraded"
  | "unhealthy"
  | "waiting"
  | "stopping"
  | "held"
  | "ended";

/** Every state, for a set of gauges. */
export const REPORTED_STATES: readonly ReportedState[] = [
  "starting",
  "healthy",
  "degraded",
  "unhealthy",
  "waiting",
  "stopping",
  "held",
  "ended",
];

/** The state of a tunnel. One that is up but was not asked yet counts as healthy: it was when it started. */
export function reportedState({ status, tunnel }: ReportedTunnel): ReportedState {
  return tunnel.state === "up" ? (status?.health.state ?? "healthy") : tunnel.state;
}

/** Whether somebody who relies on the tunnel can go on: it works, or was stopped on purpose. */
export function isWell(reported: ReportedTunnel): boolean {
  return ["healthy", "degraded", "held"].includes(reportedState(reported));
}

/** One line for `systemctl status`: counts, then the first thing that is wrong. */
export function renderStatusText(tunnels: readonly ReportedTunnel[], now: number): string {
  const counts = new Map<ReportedState, number>();
  for (const reported of tunnels) counts.set(reportedState(reported), (counts.get(reportedState(reported)) ?? 0) + 1);
  const parts = REPORTED_STATES.filter((state) => counts.has(state)).map((state) => `${counts.get(state)} ${state}`);
  const head = `${tunnels.length} ${tunnels.length === 1 ? "tunnel" : "tunnels"}: ${parts.join(", ")}`;
  const wrong = tunnels.find((reported) => !isWell(reported) && problemOf(reported) !== undefined);
  if (wrong === undefined) return head;
  const { nextTryAt } = wrong.tunnel;
  const next = nextTryAt === undefined ? "" : ` (next try in ${formatDuration(Math.max(0, nextTryAt - now))})`;
  return `${head}; ${wrong.tunnel.entry}: ${problemOf(wrong)}${next}`;
}

/** Health for monitors. */
export function renderHealth(tunnels: readonly ReportedTunnel[]): { readonly ok: boolean; readonly body: string } {
  const ok = tunnels.every(isWell);
  const body = { status: ok ? "ok" : "unhealthy", tunnels: tunnels.map(healthJson) };
  return { ok, body: `${JSON.stringify(body, undefined, 2)}\n` };
}

/** Health of one tunnel. */
export function healthJson(reported: ReportedTunnel): Readonly<Record<string, unknown>> {
  const { status, tunnel } = reported;
  return {
    name: tunnel.entry,
    run: tunnel.run,
    state: reportedState(reported),
    ok: isWell(reported),
    problem: problemOf(reported) ?? null,
    roundTripMs: status?.health.roundTripMs ?? null,
  };
}

/** A page that tells how the tunnels are. */
export function renderPage(tunnels: readonly ReportedTunnel[], file: string): string {
  const rows = tunnels.map((reported) => {
    const { status, tunnel } = reported;
    const cells = [
      tunnel.entry,
      tunnel.runName,
      formatPorts(tunnel.localPorts),
      reportedState(reported),
      status === undefined ? "" : `${status.openConnections}`,
      status?.health.roundTripMs === undefined ? "" : formatDuration(status.health.roundTripMs),
      `${tunnel.restarts}`,
      problemOf(reported) ?? "",
    ];
    return `<tr class="${reportedState(reported)}">${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
  });
  const titles = ["Tunnel", "Run", "Local", "State", "Connections", "Round trip", "Restarts", "Problem"];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="10">
<title>runtunnel</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }
table { border-collapse: collapse }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #8884 }
.healthy td:nth-child(4) { color: #2a8a3a } .unhealthy td:nth-child(4), .ended td:nth-child(4) { color: #c33 }
</style>
<h1>runtunnel</h1>
<p>${escapeHtml(file)}</p>
<table>
<tr>${titles.map((title) => `<th>${title}</th>`).join("")}</tr>
${rows.join("\n")}
</table>
</html>
`;
}

function problemOf({ status, tunnel }: ReportedTunnel): string | undefined {
  if (tunnel.problem !== undefined) return tunnel.problem;
  return status === undefined || status.health.state === "healthy" ? undefined : status.health.lastFailure?.message;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
