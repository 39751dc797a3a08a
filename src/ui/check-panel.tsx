// The way to a run, hop by hop: what is well, what is not, how long each took, and what to do next.
import { useEffect, useRef, useState } from "preact/hooks";
import type { CheckAnswer, UiCheck, UiTunnel } from "./api.ts";
import { post } from "./client.ts";
import { Failure } from "./failure.tsx";
import { formatRoundTrip } from "./format.ts";
import { Icon, type IconName } from "./icon.tsx";

/** The panel; looks when it is asked to, since looking reaches for the run. */
export function CheckPanel({ tunnel }: { readonly tunnel: UiTunnel }) {
  const [checks, setChecks] = useState<readonly UiCheck[]>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const look = async (): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    setBusy(true);
    setError(undefined);
    try {
      const path = `tunnels/${encodeURIComponent(tunnel.id)}/check`;
      setChecks((await post<CheckAnswer>(path, {}, controller.signal)).checks);
    } catch (reason) {
      if (!controller.signal.aborted) setError(reason);
    }
    setBusy(false);
  };
  return (
    <div class="panel">
      <p class="muted">Every hop of the way is tried once: name, proxy, platform, run, remote port, and this end.</p>
      <div class="buttons">
        <button type="button" class="button primary-soft" disabled={isBusy} onClick={() => void look()}>
          <Icon name={isBusy ? "spinner" : "pulse"} />
          {isBusy ? "Looking" : checks === undefined ? "Check the way" : "Check again"}
        </button>
      </div>
      {error !== undefined && <Failure error={error} />}
      <p class="sr-only" role="status">
        {checks !== undefined && !isBusy && summarize(checks)}
      </p>
      {checks !== undefined && (
        <ol class="checks" aria-label="Hops">
          {checks.map((check) => (
            <Hop key={`${check.title} ${check.subject} ${check.message}`} check={check} />
          ))}
        </ol>
      )}
    </div>
  );
}

const LOOKS: Readonly<Record<UiCheck["state"], readonly [IconName, string]>> = {
  ok: ["check", "good"],
  warning: ["warning", "warn"],
  failed: ["cross", "bad"],
  skipped: ["moon", "rest"],
};

function Hop({ check }: { readonly check: UiCheck }) {
  const { hint, message, state, subject, title, tookMs } = check;
  const [icon, tone] = LOOKS[state];
  return (
    <li>
      <span class={`hop ${tone}`}>
        <Icon name={icon} />
        <span class="sr-only">{state}</span>
      </span>
      <div>
        <p>
          <strong>{title}</strong> <span class="muted">{subject}</span>
        </p>
        <p>{message}</p>
        {hint !== undefined && <p class="muted">{hint}</p>}
      </div>
      <span class="muted took">{tookMs === undefined ? "" : formatRoundTrip(tookMs)}</span>
    </li>
  );
}

function summarize(checks: readonly UiCheck[]): string {
  const failed = checks.filter(({ state }) => state === "failed");
  return failed.length === 0
    ? "Everything is well"
    : `Not well: ${failed.map(({ message, title }) => `${title}: ${message}`).join(", ")}`;
}
