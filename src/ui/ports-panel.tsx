// The ports of a tunnel, and what a browser or a database client needs to know of each.
import type { UiTunnel } from "./api.ts";
import { CopyLine } from "./copy-button.tsx";
import { localAddress } from "./format.ts";
import { Icon } from "./icon.tsx";

/** The panel. */
export function PortsPanel({ tunnel }: { readonly tunnel: UiTunnel }) {
  return (
    <div class="panel">
      {tunnel.ports.map(({ local, remote }) => (
        <section key={local}>
          <h3>{remote === 0 ? (tunnel.app ?? "Service") : `Remote port ${remote}`}</h3>
          {local === 0 ? (
            <p class="muted">Not listening yet.</p>
          ) : (
            <>
              <dl>
                <CopyLine title="Local address" text={localAddress(tunnel, local)} />
              </dl>
              <a class="button" href={`http://${localAddress(tunnel, local)}/`} target="_blank" rel="noreferrer">
                <Icon name="open" /> Open as a web page
              </a>
            </>
          )}
        </section>
      ))}
      <p class="muted">
        Programs on this machine connect to the local address; what they send comes out at the remote port of{" "}
        {tunnel.name}.
      </p>
    </div>
  );
}
