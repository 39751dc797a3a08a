// The end of a tunnel's log.
import { useEffect, useRef, useState } from "preact/hooks";
import type { LogAnswer, UiTunnel } from "./api.ts";
import { get } from "./client.ts";
import { CopyButton } from "./copy-button.tsx";
import { Failure } from "./failure.tsx";

/** The panel; the newest line is the one that is seen first. */
export function LogPanel({ tunnel }: { readonly tunnel: UiTunnel }) {
  const [log, setLog] = useState<LogAnswer>();
  const [error, setError] = useState<unknown>();
  const place = useRef<HTMLPreElement>(null);
  const path = `tunnels/${encodeURIComponent(tunnel.id)}/log`;
  const load = (): void => {
    setError(undefined);
    get<LogAnswer>(path).then(setLog, setError);
  };
  // Read when the panel opens, then by the button.
  useEffect(load, [path]);
  useEffect(() => place.current?.scrollTo(0, place.current.scrollHeight), [log]);
  return (
    <div class="panel">
      {error !== undefined && <Failure error={error} />}
      {log !== undefined && (
        <>
          <p class="log-head">
            <code>{log.path}</code>
            <CopyButton text={log.path} what="the path of the log" />
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
          <pre class="log" ref={place} tabIndex={0} role="log" aria-label="Log">
            {log.text === "" ? "Nothing logged yet." : log.text}
          </pre>
        </>
      )}
      <div class="buttons">
        <button type="button" class="button" onClick={load}>
          Read again
        </button>
      </div>
    </div>
  );
}
