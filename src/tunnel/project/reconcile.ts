// Compares what a file wants with what runs, and says what to do. Pure: the supervisor, `up`, `down` and `diff` all ask it.
import { isSameTunnel, sharedLocalPorts } from "../../domain/tunnel-spec.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import type { Liveness } from "../../registry/store.ts";
import type { WantedTunnel } from "./project.ts";

/** A tunnel of the registry as it was seen. */
export type SeenTunnel = { readonly record: TunnelRecord; readonly liveness: Liveness };

/** What to do about one wanted tunnel, or about one that nobody wants any more. */
export type Step =
  /** It runs. `adopted`: somebody started it by hand. */
  | { readonly kind: "keep"; readonly wanted: WantedTunnel; readonly record: TunnelRecord; readonly adopted: boolean }
  | { readonly kind: "start"; readonly wanted: WantedTunnel }
  /** It runs as an older text of the file wanted it. */
  | { readonly kind: "replace"; readonly wanted: WantedTunnel; readonly record: TunnelRecord }
  /** It is on its way out; look again later. */
  | { readonly kind: "wait"; readonly wanted: WantedTunnel; readonly record: TunnelRecord }
  /** Another tunnel holds its local ports. */
  | { readonly kind: "blocked"; readonly wanted: WantedTunnel; readonly record: TunnelRecord }
  /** The file named it once and does so no longer. */
  | { readonly kind: "remove"; readonly record: TunnelRecord };

/** One step for each wanted tunnel, in their order, then one for each tunnel to remove. `file` tells whose are ours. */
export function planReconcile(
  file: string,
  wanted: readonly WantedTunnel[],
  seen: readonly SeenTunnel[],
): readonly Step[] {
  const living = seen
    .filter(({ liveness }) => liveness === "alive" || liveness === "starting")
    .map(({ record }) => record);
  const used = new Set<string>();
  const steps = wanted.map((tunnel): Step => {
    const step = planOne(
      tunnel,
      living.filter((record) => !used.has(record.id)),
      file,
    );
    if ("record" in step && step.kind !== "blocked") used.add(step.record.id);
    return step;
  });
  const removals = living
    .filter((record) => record.managedBy?.file === file && !used.has(record.id) && !isLeaving(record))
    .map((record): Step => ({ kind: "remove", record }));
  return [...steps, ...removals];
}

function planOne(wanted: WantedTunnel, living: readonly TunnelRecord[], file: string): Step {
  const own = living.find(({ managedBy }) => managedBy?.file === file && managedBy.entry === wanted.managedBy.entry);
  if (own !== undefined) {
    if (isLeaving(own)) return { kind: "wait", wanted, record: own };
    const isCurrent = own.managedBy?.digest === wanted.managedBy.digest;
    return isCurrent ? { kind: "keep", wanted, record: own, adopted: false } : { kind: "replace", wanted, record: own };
  }
  const same = living.find((record) => record.managedBy === undefined && isSameTunnel(record.spec, wanted.spec));
  if (same !== undefined) {
    return isLeaving(same)
      ? { kind: "wait", wanted, record: same }
      : { kind: "keep", wanted, record: same, adopted: true };
  }
  // A tunnel of our own file that stands in the way belongs to an entry that changed its ports or went: it will be gone.
  const other = living.find(
    (record) =>
      record.managedBy?.file !== file &&
      sharedLocalPorts(wanted.spec.ports, record.boundPorts ?? record.spec.ports).length > 0,
  );
  return other === undefined ? { kind: "start", wanted } : { kind: "blocked", wanted, record: other };
}

function isLeaving(record: TunnelRecord): boolean {
  return record.state === "stopping" || record.state === "failed";
}
