// `list` and `status`: what the registry holds, joined with what the running tunnels say of themselves.
import type { Failure } from "../domain/health.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { DamagedRecord } from "../registry/store.ts";
import type { AppContext } from "./context.ts";
import { fetchStatus } from "./control/control-client.ts";
import type { TunnelStatus } from "./control/control-protocol.ts";
import { livenessNow, lookAgain } from "./look-again.ts";
import { type SelectionOptions, selectRecords } from "./selection.ts";

export type { TunnelStatus } from "./control/control-protocol.ts";

/** A tunnel's record, for whoever prints it. */
export type TunnelView = TunnelRecord;

/** State of a tunnel as lists show it: its health while it lives; `hanging`: its process lives but does not answer. */
export type ListedState =
  | "starting"
  | "healthy"
  | "degraded"
  | "unhealthy"
  | "ended"
  | "stopping"
  | "failed"
  | "hanging"
  | "dead"
  | "elsewhere";

/** One tunnel with its figures, where it could be asked. */
export type ListedTunnel = {
  readonly record: TunnelRecord;
  readonly state: ListedState;
  readonly status?: TunnelStatus;
};

/** Why a tunnel is not healthy, as far as it knows. */
export type Trouble = Failure & { readonly since: number };

/** The reason for which a living tunnel is not healthy, and since when it has been that one; undefined when all is well. */
export function findTrouble({ status }: ListedTunnel): Trouble | undefined {
  const failure = status?.health.lastFailure;
  if (failure === undefined || status?.health.state === "healthy") return undefined;
  const outage = status?.outages.at(-1);
  const reason = outage?.to === undefined ? outage?.reasons?.findLast(({ code }) => code === failure.code) : undefined;
  return { ...failure, since: reason?.at ?? failure.at };
}

/** All tunnels of the registry, and files in it that are no records. */
export type Listing = { readonly tunnels: readonly ListedTunnel[]; readonly damaged: readonly DamagedRecord[] };

/** Which tunnels, and whether to ask them how they have been. */
export type ListOptions = SelectionOptions & { readonly history?: boolean };

/** Reads the registry and asks every living tunnel, side by side. Changes nothing. */
export async function listTunnels(options: ListOptions, context: AppContext): Promise<Listing> {
  const { records, damaged } = await context.registry.list();
  const selected = selectRecords(records, options, context);
  const inspected = await Promise.all(selected.map((record) => inspect(record, options, context)));
  return { tunnels: inspected.filter((tunnel) => tunnel !== undefined), damaged };
}

/** Undefined for a tunnel that ended while the list was made. */
async function inspect(
  seen: TunnelRecord,
  { history }: ListOptions,
  context: AppContext,
): Promise<ListedTunnel | undefined> {
  const record = await lookAgain(seen, context);
  if (record === undefined) return undefined;
  const liveness = await livenessNow(record, context);
  if (liveness !== "alive") return { record, state: liveness };
  if (record.state === "failed") return { record, state: "failed" };
  if (record.control === undefined) return { record, state: "starting" };
  const status = await fetchStatus(record.control, context.signal, history === true ? { history } : {});
  if (status === undefined) return { record, state: "hanging" };
  if (record.state === "ready") return { record, state: status.health.state, status };
  return { record, state: record.state, status };
}
