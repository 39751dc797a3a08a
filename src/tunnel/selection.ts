// Which tunnels a command means: by run, by local port, by owner.
import { formatPorts } from "../domain/ports.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";
import { possibleReferences } from "./identify-run.ts";

/** What the user gave to choose tunnels; everything absent means: all. */
export type SelectionOptions = {
  readonly run?: string;
  readonly platform?: string;
  readonly localPorts?: readonly number[];
};

/** Local ports of a tunnel: the bound ones, else the wanted ones. */
export function localPorts(record: TunnelRecord): readonly number[] {
  return (record.boundPorts ?? record.spec.ports).map((pair) => pair.local);
}

/** `4567 -> 22` for messages; ranges stay ranges. */
export function describePorts(record: TunnelRecord): string {
  const pairs = record.boundPorts ?? record.spec.ports;
  return `${formatPorts(pairs.map((pair) => pair.local))} -> ${formatPorts(pairs.map((pair) => pair.remote))}`;
}

/** The records that a command means, in the order given. A run matches by its canonical id, its name or the tunnel's id. */
export function selectRecords(
  records: readonly TunnelRecord[],
  options: SelectionOptions,
  context: AppContext,
): readonly TunnelRecord[] {
  const { run, localPorts: ports } = options;
  const references = run === undefined ? [] : possibleReferences(run, options.platform, context.platforms);
  return records.filter((record) => {
    const runFits =
      run === undefined ||
      record.id === run ||
      (options.platform === undefined && record.runName === run) ||
      references.some(({ platform, id }) => record.spec.platform === platform && record.spec.run === id);
    return runFits && (ports === undefined || localPorts(record).some((port) => ports.includes(port)));
  });
}
