// What somebody may have meant who wrote a word that is not known. Pure.
import leven from "leven";

/** `Did you mean "start"?` with the nearest one or two of the known words, or undefined where none is near. A typing
 * mistake swaps two letters or changes a third of a word. */
export function didYouMean(
  word: string,
  known: readonly string[],
  show: (name: string) => string = (name) => name,
): string | undefined {
  const near = known.filter(
    (candidate) =>
      candidate.length > 1 &&
      leven(candidate, word) <= Math.max(candidate.length < 4 ? 1 : 2, Math.floor(candidate.length / 3)),
  );
  near.sort((one, other) => distance(one, word) - distance(other, word));
  const nearest = near.filter((candidate) => distance(candidate, word) === distance(near[0] ?? "", word));
  const shown = [...new Set(nearest)].slice(0, 2).map((candidate) => `"${show(candidate)}"`);
  return shown.length === 0 ? undefined : `Did you mean ${shown.join(" or ")}?`;
}

/** Two letters swapped are one mistake, not two. */
function distance(one: string, other: string): number {
  const isSwap = [...one].sort().join("") === [...other].sort().join("");
  return isSwap ? 1 : leven(one, other);
}
