// Runs as a table for people.
import pc from "picocolors";
import { formatDuration } from "../domain/duration.ts";
import { formatPorts } from "../domain/ports.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { TunnelView } from "../tunnel/list.ts";
import type { FoundRun, FoundRuns } from "../tunnel/list-runs.ts";
import { type Column, renderTable } from "./output.ts";
import type { Output } from "./world.ts";

/** Columns that a narrow terminal does without, in this order. */
const DROPPED_FIRST = ["IMAGE", "OWNER", "PLATFORM", "AGE"];

/** The table of `runs`; `all` is what was found before states were filtered. */
export function renderRuns(found: FoundRuns, all: FoundRuns, context: AppContext, output: Output): string {
  const more = found.isComplete ? "" : "There are more; --limit shows them\n";
  if (found.runs.length === 0) return `${describeNone(all)}${more}`;
  const wanted = columns(found.runs, context, output.hasColor);
  for (let dropped = 0; ; dropped += 1) {
    const kept = wanted.filter(({ title }) => !DROPPED_FIRST.slice(0, dropped).includes(title));
    const table = renderTable(found.runs, kept, output.columns);
    const isNarrow = table.split("\n").every((line) => Bun.stringWidth(line) <= output.columns);
    if (isNarrow || dropped === DROPPED_FIRST.length) return `${table}${more}`;
  }
}

function columns(runs: readonly FoundRun[], context: AppContext, hasColor: boolean): readonly Column<FoundRun>[] {
  const hasTunnels = runs.some(({ tunnels }) => tunnels.length > 0);
  // An id says nothing to people; it is needed where several runs share a name.
  const isNameless = ({ name, id }: FoundRun): boolean => !name.endsWith(id);
  const hasIds = runs.some(isNameless);
  return [
    { title: "RUN", value: (run) => run.reference },
    ...(hasIds ? [{ title: "NAME", value: (run: FoundRun) => (isNameless(run) ? run.name : "") }] : []),
    { title: "STATE", value: (run) => colorState(run, hasColor) },
    { title: "PLATFORM", value: (run) => run.platform, shrinks: true },
    { title: "OWNER", value: (run) => run.owner ?? "-", shrinks: true },
    { title: "IMAGE", value: (run) => shortImage(run.image), shrinks: true },
    { title: "AGE", value: (run) => describeAge(run, context), align: "right" },
    ...(hasTunnels ? [{ title: "TUNNEL", value: describeTunnels }] : []),
  ];
}

/** `4567 -> 22`; several with commas, or `-`. */
export function describeTunnels({ tunnels }: FoundRun): string {
  return tunnels.length === 0 ? "-" : tunnels.map(describePorts).join(", ");
}

function describePorts({ boundPorts, spec }: TunnelView): string {
  const pairs = boundPorts ?? spec.ports;
  return `${formatPorts(pairs.map((pair) => pair.local))} -> ${formatPorts(pairs.map((pair) => pair.remote))}`;
}

/** `PAUSED`, or `RUNNING (closed)` where the platform's word does not say what it means for a tunnel. */
export function describeState({ state, phase }: FoundRun): string {
  return state === "RUNNING" && phase !== "ready" ? `${state} (${phase})` : state;
}

function describeNone(all: FoundRuns): string {
  const states = [...new Set(all.runs.map(({ state }) => state))];
  return states.length === 0 ? "No runs\n" : `No runs in that state; there are: ${states.join(", ")}\n`;
}

/** The image without its registry: its name is what people know. */
function shortImage(image: string | undefined): string {
  return image?.split("/").slice(-2).join("/") ?? "-";
}

function describeAge(run: FoundRun, context: AppContext): string {
  if (run.startedAt === undefined) return "-";
  const ms = Math.max(0, context.clock.now() - Date.parse(run.startedAt));
  const days = Math.floor(ms / (24 * 3_600_000));
  return days > 1 ? `${days}d` : formatDuration(ms);
}

function colorState(run: FoundRun, hasColor: boolean): string {
  const colors = pc.createColors(hasColor);
  const text = describeState(run);
  switch (run.phase) {
    case "ready":
      return colors.green(text);
    case "waiting":
    case "paused":
      return colors.yellow(text);
    case "closed":
      return colors.red(text);
    case "ended":
      return colors.dim(text);
  }
}
