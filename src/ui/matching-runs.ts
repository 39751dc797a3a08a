// Which runs a typed text may mean. Pure.
import type { UiRun } from "./api.ts";

/** All runs where nothing is typed or one is named in full, else those whose name, platform or image has the text in it. */
export function matchingRuns(runs: readonly UiRun[], typed: string): readonly UiRun[] {
  const text = typed.trim().toLowerCase();
  if (text === "" || runs.some(({ reference }) => reference.toLowerCase() === text)) return runs;
  return runs.filter(({ image = "", name, platformTitle, reference }) =>
    [reference, name, platformTitle, image].some((word) => word.toLowerCase().includes(text)),
  );
}
