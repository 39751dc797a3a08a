// Port expressions: `4567`, `4567-4569`, and how local and remote ports are paired.
import { MAX_PORT } from "./endpoint.ts";
import { UsageError } from "./errors.ts";

/** One local port joined to one remote port. A local port 0 means: any free one. */
export type PortPair = { readonly local: number; readonly remote: number };

/** Parses `4567` or `4567-4569` (order free, as the users of `pipe` know it). Port 0 stands alone and means "any free".
 * `option` names the flag in the error. */
export function parsePortRange(text: string, option: string): readonly number[] {
  const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(text);
  if (match === null) {
    throw new UsageError(`Cannot read ${option} "${text}"`, { hint: "Give one port (4567) or a range (4567-4569)" });
  }
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  const [low, high] = first <= last ? [first, last] : [last, first];
  if (high > MAX_PORT || (low === 0 && high !== 0)) {
    throw new UsageError(`Port out of range in ${option} "${text}"`, { hint: `Ports go from 1 to ${MAX_PORT}` });
  }
  return Array.from({ length: high - low + 1 }, (_, index) => low + index);
}

/** Pairs local with remote ports; one list alone serves for both. */
export function pairPorts(
  local: readonly number[] | undefined,
  remote: readonly number[] | undefined,
): readonly PortPair[] {
  const locals = local ?? remote;
  const remotes = remote ?? local;
  if (locals === undefined || remotes === undefined) {
    throw new UsageError("Neither a local nor a remote port is given", {
      hint: "Add --local-port/-lp, --remote-port/-rp or both, for example -lp 4567 -rp 22",
    });
  }
  if (remotes.includes(0)) {
    throw new UsageError("Remote port 0 does not exist", { hint: "Add --remote-port/-rp; -lp 0 needs it" });
  }
  if (locals.length === 1 && locals[0] === 0) return remotes.map((port) => ({ local: 0, remote: port }));
  if (locals.length !== remotes.length) {
    throw new UsageError(
      `The number of local ports (${locals.length}) differs from the number of remote ports (${remotes.length})`,
      { hint: "Give ranges of equal length, for example -lp 4567-4569 -rp 8080-8082" },
    );
  }
  return locals.map((port, index) => ({ local: port, remote: remotes[index] ?? port }));
}

/** Prints ports as ranges where they run on: `22, 4567-4569`. */
export function formatPorts(ports: readonly number[]): string {
  const parts: string[] = [];
  let start = 0;
  for (let index = 1; index <= ports.length; index += 1) {
    const previous = ports[index - 1];
    if (index < ports.length && ports[index] === (previous ?? 0) + 1) continue;
    parts.push(index - start > 1 ? `${ports[start]}-${previous}` : `${ports[start]}`);
    start = index;
  }
  return parts.join(", ");
}
