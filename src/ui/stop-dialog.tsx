// Asks before a tunnel is stopped, and says what happens to those who use it.
import { useState } from "preact/hooks";
import type { StopAnswer, StopRequest, UiTunnel } from "./api.ts";
import { post } from "./client.ts";
import { Dialog } from "./dialog.tsx";
import { Failure } from "./failure.tsx";
import { count } from "./format.ts";
import { Icon } from "./icon.tsx";

type StopProps = { readonly tunnel: UiTunnel; readonly onClose: () => void; readonly onDone: (news: string) => void };

const WORDS: Readonly<Record<string, string>> = {
  stopped: "has stopped",
  killed: "was ended",
  cleaned: "is cleaned up",
};

/** The dialog. */
export function StopDialog({ onClose, onDone, tunnel }: StopProps) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const stop = async (force: boolean): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const request: StopRequest = { force };
      const { how } = await post<StopAnswer>(`tunnels/${encodeURIComponent(tunnel.id)}/stop`, request);
      onDone(`The tunnel to ${tunnel.name} ${WORDS[how] ?? how}`);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const isDead = tunnel.state === "dead";
  const open = tunnel.figures?.openConnections ?? 0;
  return (
    <Dialog title={`${isDead ? "Clean up after" : "Stop"} ${tunnel.name}?`} size="small" onClose={onClose}>
      <p>{describe(tunnel)}</p>
      {tunnel.mode === "service" && (
        <p class="muted">It belongs to a service, and stays stopped until "service reload".</p>
      )}
      {error !== undefined && <Failure error={error} />}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={onClose} data-focus>
          {isBusy ? "Close" : "Keep it"}
        </button>
        {!isDead && open > 0 && (
          <button type="button" class="button danger" onClick={() => void stop(true)}>
            Stop at once
          </button>
        )}
        <button type="button" class="button danger-solid" disabled={isBusy} onClick={() => void stop(false)}>
          {isBusy && <Icon name="spinner" />}
          {isDead ? "Clean up" : isBusy ? "Stopping" : "Stop"}
        </button>
      </div>
    </Dialog>
  );
}

function describe({ alias, figures, state }: UiTunnel): string {
  const open = figures?.openConnections ?? 0;
  const config = alias === undefined ? "" : ` The SSH configuration of ${alias} is taken back.`;
  if (state === "dead") return `Its process is gone; what it left behind is removed.${config}`;
  if (open === 0) return `Nobody is connected through it now.${config}`;
  return `${count(open, "connection")} ${open === 1 ? "is" : "are"} open and may take ten seconds to finish.${config}`;
}
