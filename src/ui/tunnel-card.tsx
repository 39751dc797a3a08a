// One tunnel at a glance.
import { formatDuration } from "../domain/duration.ts";
import type { UiTunnel } from "./api.ts";
import { CopyButton } from "./copy-button.tsx";
import { count, formatBytes, localAddress } from "./format.ts";
import { Icon } from "./icon.tsx";
import { StateMark } from "./state-mark.tsx";
import { TunnelPlots } from "./tunnel-plots.tsx";

/** What may be done with a tunnel. */
export type CardActions = {
  readonly onConnect: () => void;
  readonly onDetails: () => void;
  readonly onStop: () => void;
};

const PLOT_HEIGHT = 92;

/** The card. */
export function TunnelCard({
  actions,
  now,
  tunnel,
}: {
  readonly actions: CardActions;
  readonly now: number;
  readonly tunnel: UiTunnel;
}) {
  const { name, platformTitle, state } = tunnel;
  return (
    <article class="card" aria-label={`Tunnel to ${name}`}>
      <header class="card-head">
        <div>
          <h2>{name}</h2>
          <p class="muted">{describeOrigin(tunnel)}</p>
        </div>
        <StateMark state={state} />
      </header>
      <Ports tunnel={tunnel} />
      <Trouble tunnel={tunnel} now={now} />
      <TunnelPlots tunnel={tunnel} now={now} height={PLOT_HEIGHT} />
      <Facts tunnel={tunnel} now={now} />
      <footer class="card-foot">
        {state !== "starting" && tunnel.figures !== undefined && (
          <button type="button" class="button primary-soft" onClick={actions.onConnect}>
            <Icon name="plug" /> Connect<span class="sr-only"> to {name}</span>
          </button>
        )}
        <button type="button" class="button" onClick={actions.onDetails}>
          <Icon name="pulse" /> Details
          <span class="sr-only">
            {" "}
            of {name} on {platformTitle}
          </span>
        </button>
        {tunnel.isMine && state !== "elsewhere" && (
          <button type="button" class="button danger push" onClick={actions.onStop} disabled={state === "stopping"}>
            <Icon name="stop" /> {state === "dead" ? "Clean up" : "Stop"}
            <span class="sr-only"> {name}</span>
          </button>
        )}
      </footer>
    </article>
  );
}

function describeOrigin({ alias, isMine, managedBy, owner, platformTitle }: UiTunnel): string {
  return [
    platformTitle,
    ...(alias === undefined ? [] : [`ssh ${alias}`]),
    ...(managedBy === undefined ? [] : [`from ${managedBy.entry}`]),
    ...(isMine ? [] : [`of ${owner}`]),
  ].join(" · ");
}

function Ports({ tunnel }: { readonly tunnel: UiTunnel }) {
  return (
    <ul class="ports" aria-label="Ports">
      {tunnel.ports.map(({ local, remote }) => (
        <li key={local}>
          <code>{local === 0 ? "any port" : localAddress(tunnel, local)}</code>
          <span class="arrow" aria-hidden="true">
            →
          </span>
          <span class="sr-only">leads to remote port</span>
          <code>{remote === 0 ? (tunnel.app ?? "?") : remote}</code>
          {local !== 0 && (
            <CopyButton text={localAddress(tunnel, local)} what={`address ${localAddress(tunnel, local)}`} />
          )}
        </li>
      ))}
    </ul>
  );
}

function Trouble({ now, tunnel }: { readonly now: number; readonly tunnel: UiTunnel }) {
  const { phase, state, trouble, warnings } = tunnel;
  if (state === "starting") return <p class="callout busy">{phase === undefined ? "Starting" : phase}</p>;
  return (
    <>
      {trouble !== undefined && (
        <div class={`callout ${state === "degraded" ? "warn" : state === "elsewhere" ? "rest" : "bad"}`}>
          <Icon name="warning" />
          <div>
            <p>{trouble.message}</p>
            {trouble.since !== undefined && <p class="muted">For {formatDuration(Math.max(0, now - trouble.since))}</p>}
            {trouble.hint !== undefined && <p class="muted">{trouble.hint}</p>}
          </div>
        </div>
      )}
      {trouble === undefined &&
        state !== "healthy" &&
        warnings.map((warning) => (
          <p class="callout warn" key={warning}>
            {warning}
          </p>
        ))}
    </>
  );
}

function Facts({ now, tunnel }: { readonly now: number; readonly tunnel: UiTunnel }) {
  const { figures, readyAt } = tunnel;
  return (
    <p class="facts muted">
      {readyAt !== undefined && <span>Up {formatDuration(Math.max(0, now - readyAt))}</span>}
      {figures !== undefined && (
        <>
          <span>
            {count(figures.openConnections, "open connection")}, {figures.totalConnections} in all
            {figures.failedConnections > 0 && `, ${figures.failedConnections} failed`}
          </span>
          <span>
            {formatBytes(figures.bytesDown)} down, {formatBytes(figures.bytesUp)} up
          </span>
        </>
      )}
    </p>
  );
}
