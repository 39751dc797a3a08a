// The words of `scp` as people know them from scp itself: the run stands before the colon of a path on it.
import { UsageError } from "../domain/errors.ts";

/** What to copy: the run, and words in which `:path` is a path on it. */
export type ScpWords = { readonly run: string; readonly words: readonly string[] };

/** A run, with its platform's prefix or without, a colon and a path. A drive letter is no run. */
const REMOTE = /^((?:(?:cp|bai|host):)?[\w.-]{2,}):(?!:)(.*)$/s;
/** What stands before the colon of `cp:56819` is no run, and `56819` no path. */
const PREFIXED_RUN = /^(?:cp|bai|host):[\w.-]+$/;

/** Both ways of writing: `RUN -- FILE :PATH`, and `FILE RUN:PATH`. Throws UsageError where paths name two runs. */
export function readScpWords(first: string, rest: readonly string[]): ScpWords {
  if (rest.some((word) => word.startsWith(":"))) return { run: first, words: rest };
  const words = [first, ...rest];
  const runs = new Set(words.map(runOf).filter((run) => run !== undefined));
  const [run, other] = runs;
  if (run === undefined) return { run: first, words: rest };
  if (other !== undefined) {
    throw new UsageError(`One call copies from or to one run, not "${run}" and "${other}"`, {
      hint: "Copy to this machine first, then on to the other run",
    });
  }
  return { run, words: words.map((word) => (runOf(word) === undefined ? word : word.slice(run.length))) };
}

function runOf(word: string): string | undefined {
  return PREFIXED_RUN.test(word) ? undefined : REMOTE.exec(word)?.[1];
}
