// How a tunnel fares: larger plots, its outages, and what it is made of.
import type { ComponentChildren } from "preact";
import { formatDuration } from "../domain/duration.ts";
import type { UiTunnel } from "./api.ts";
import { formatAgo, formatBytes } from "./format.ts";
import { TunnelPlots } from "./tunnel-plots.tsx";

type PanelProps = { readonly tunnel: UiTunnel; readonly now: number };

const PLOT_HEIGHT = 170;

/** The panel. */
export function HealthPanel({ now, tunnel }: PanelProps) {
  return (
    <div class="panel">
      <TunnelPlots tunnel={tunnel} now={now} height={PLOT_HEIGHT} />
      <Outages tunnel={tunnel} now={now} />
      <section>
        <h3>Facts</h3>
        <dl class="fact-list">
          {facts(tunnel, now).map(([title, value]) => (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
    </div>
  );
}

function Outages({ now, tunnel }: PanelProps) {
  const outages = [...tunnel.outages].reverse();
  return (
    <section>
      <h3>Outages</h3>
      {outages.length === 0 ? (
        <p class="muted">None since the tunnel was started.</p>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">Lasted</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {outages.map(({ from, message, to }) => (
                <tr key={from}>
                  <td>{new Date(from).toLocaleString()}</td>
                  <td>{to === undefined ? `${formatDuration(now - from)} so far` : formatDuration(to - from)}</td>
                  <td>{message}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function facts(tunnel: UiTunnel, now: number): readonly (readonly [string, ComponentChildren])[] {
  const { figures, logFile, managedBy, mode, owner, pid, readyAt, warnings } = tunnel;
  return [
    [
      "Started",
      `${new Date(tunnel.createdAt).toLocaleString()}${readyAt === undefined ? "" : `, up for ${formatDuration(Math.max(0, now - readyAt))}`}`,
    ],
    ...(figures === undefined
      ? []
      : ([
          ["Way", figures.route],
          [
            "Connections",
            `${figures.openConnections} open, ${figures.totalConnections} in all, ${figures.failedConnections} failed`,
          ],
          ["Bytes", `${formatBytes(figures.bytesDown)} down, ${formatBytes(figures.bytesUp)} up`],
          ["Last byte", figures.lastByteAt === undefined ? "none yet" : formatAgo(figures.lastByteAt, now)],
        ] as const)),
    ["Process", pid === undefined ? "none" : `${pid} of ${owner}, ${mode}`],
    ...warnings.map((warning) => ["Said at start", warning] as const),
    ...(managedBy === undefined ? [] : ([["From", `${managedBy.entry} in ${managedBy.file}`]] as const)),
    ...(logFile === undefined ? [] : ([["Log", <code key="log">{logFile}</code>]] as const)),
    ["Identity", <code key="id">{tunnel.id}</code>],
  ];
}
