// The user's own runs, to choose one instead of typing its name. What is typed narrows the list.
import { useEffect, useState } from "preact/hooks";
import type { RunsAnswer, UiRun } from "./api.ts";
import { CallError, get } from "./client.ts";
import { matchingRuns } from "./matching-runs.ts";

type PickerProps = { readonly typed: string; readonly onChoose: (reference: string) => void };

/** Nothing where no platform is set up, or none has runs. */
export function RunPicker({ onChoose, typed }: PickerProps) {
  const [answer, setAnswer] = useState<RunsAnswer>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const abort = new AbortController();
    get<RunsAnswer>("runs", abort.signal).then(setAnswer, (reason) => {
      if (!abort.signal.aborted) setError(reason);
    });
    return () => abort.abort();
  }, []);
  if (error instanceof CallError) return <p class="hint">{[error.message, error.hint].filter(Boolean).join(". ")}</p>;
  if (answer === undefined) return <p class="hint">Asking for your runs</p>;
  const runs = matchingRuns(answer.runs, typed);
  return (
    <>
      {answer.failures.map(({ message, platform }) => (
        <p class="hint" key={platform}>
          {platform}: {message}
        </p>
      ))}
      {runs.length > 0 && (
        <ul class="runs" aria-label="Your runs">
          {runs.map((run) => (
            <li key={run.reference}>
              <Run run={run} isChosen={run.reference === typed.trim()} onChoose={() => onChoose(run.reference)} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

type RunProps = { readonly run: UiRun; readonly isChosen: boolean; readonly onChoose: () => void };

function Run({ isChosen, onChoose, run }: RunProps) {
  const image = run.image?.split("/").at(-1);
  const words = [
    run.platformTitle,
    ...(image === undefined ? [] : [image]),
    ...(run.hasTunnel ? ["has a tunnel"] : []),
  ];
  return (
    <button type="button" class={isChosen ? "run chosen" : "run"} onClick={onChoose} aria-pressed={isChosen}>
      <strong>{run.reference}</strong>
      <span class="muted">{words.join(" · ")}</span>
      <span class={`state ${run.isReady ? "good" : "rest"}`}>{run.state.toLowerCase()}</span>
    </button>
  );
}
