// Records are read first and judged later, and in between a launcher may have handed over to its tunnel and left: what
// looks dead, or not yet there, is read once more before anybody acts on it.
import type { TunnelRecord } from "../registry/record.ts";
import type { Liveness } from "../registry/store.ts";
import type { AppContext } from "./context.ts";
import { fetchStatus } from "./control/control-client.ts";

/** A launcher starts the background process right after it wrote the record. */
const HAND_OVER_MS = 3000;
const LOOK_INTERVAL_MS = 8;

/** The record as it is now where the one at hand looks dead; undefined when it is gone. */
export async function lookAgain(record: TunnelRecord, context: AppContext): Promise<TunnelRecord | undefined> {
  return context.registry.liveness(record) === "dead" ? context.registry.find(record.id) : record;
}

/** The record once its process is known, for whoever wants to end it; undefined when it is gone. Returns a record without
 * a process where the launcher is dead, or keeps everybody waiting. */
export async function awaitProcess(record: TunnelRecord, context: AppContext): Promise<TunnelRecord | undefined> {
  const { clock, registry } = context;
  const deadlineMs = clock.monotonicMs() + HAND_OVER_MS;
  let now: TunnelRecord | undefined = record;
  while (now !== undefined && now.process === undefined && clock.monotonicMs() < deadlineMs) {
    if (registry.liveness(now) !== "starting") return lookAgain(now, context);
    await clock.sleep(LOOK_INTERVAL_MS);
    now = await registry.find(record.id);
  }
  return now;
}

/** Whether the tunnel lives, also where its process cannot be seen: containers and sandboxed editors share the home and the
 * loopback, but number processes anew. Who answers with the tunnel's own token is that tunnel. */
export async function livenessNow(record: TunnelRecord, context: AppContext): Promise<Liveness> {
  const liveness = context.registry.liveness(record);
  if (liveness !== "dead" || record.control === undefined) return liveness;
  return (await fetchStatus(record.control, context.signal)) === undefined ? "dead" : "alive";
}
