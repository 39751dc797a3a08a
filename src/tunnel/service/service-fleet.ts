// What a supervisor sees and does, for real: the registry, starts as `start` makes them, stops as `stop` makes them.
import type { TunnelRecord } from "../../registry/record.ts";
import type { AppContext, Progress } from "../context.ts";
import { fetchStatus } from "../control/control-client.ts";
import type { TunnelStatus } from "../control/control-protocol.ts";
import type { WantedTunnel } from "../project/project.ts";
import type { SeenTunnel } from "../project/reconcile.ts";
import { startTunnel } from "../start.ts";
import { stopTunnels } from "../stop.ts";
import { heldEntries, releaseEntry } from "./service-files.ts";
import type { Fleet } from "./service-supervisor.ts";

/** The registry is read anew at least this often, whatever the folder's time says: network homes forget to tell. */
const READ_ANEW_MS = 15_000;
/** A folder's time is as coarse as the kernel's tick; what changed this recently may change again within it. */
const SETTLED_MS = 100;

/** The tunnels of a registry, for the supervisor of one file. */
export class RegistryFleet implements Fleet {
  readonly #file: string;
  readonly #context: AppContext;
  #records: readonly TunnelRecord[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  #changedAt: number | undefined;
  #isSettled = false;

  constructor(file: string, context: AppContext) {
    this.#file = file;
    this.#context = { ...context, progress: logProgress(context) };
  }

  async see(): Promise<readonly SeenTunnel[]> {
    const { clock, registry } = this.#context;
    const changedAt = await registry.changedAt();
    const isFresh =
      this.#isSettled && changedAt === this.#changedAt && clock.monotonicMs() - this.#readAtMs < READ_ANEW_MS;
    if (!isFresh) {
      this.#records = (await registry.list()).records;
      this.#readAtMs = clock.monotonicMs();
      this.#changedAt = changedAt;
      this.#isSettled = changedAt === undefined || clock.now() - changedAt > SETTLED_MS;
    }
    return this.#records.map((record) => ({ record, liveness: registry.liveness(record) }));
  }

  async start(wanted: WantedTunnel, signal: AbortSignal): Promise<TunnelRecord> {
    const context = { ...this.#context, configuration: wanted.entry.configuration, signal };
    return startWanted(wanted, "service", context);
  }

  async stop(record: TunnelRecord, options: { readonly timeoutMs: number; readonly force: boolean }): Promise<void> {
    // The supervisor's own signal is aborted when it stops its tunnels; each stop is bounded by its own deadlines.
    await stopTunnels([record], options, { ...this.#context, signal: new AbortController().signal });
  }

  async status(record: TunnelRecord): Promise<TunnelStatus | undefined> {
    return record.control === undefined ? undefined : fetchStatus(record.control, this.#context.signal);
  }

  held(): Promise<ReadonlyMap<string, number>> {
    return heldEntries(this.#file, this.#context);
  }

  release(entry: string): Promise<void> {
    return releaseEntry({ file: this.#file, entry }, this.#context);
  }
}

/** Starts the tunnel of an entry in the background, or uses the same one that runs already. */
export async function startWanted(
  wanted: WantedTunnel,
  mode: "background" | "service",
  context: AppContext,
): Promise<TunnelRecord> {
  const { platform, run } = wanted.spec;
  const result = await startTunnel(
    {
      ...wanted.entry.start,
      run,
      platform,
      conflict: {
        keepSame: true,
        keepExisting: false,
        replaceExisting: false,
        replaceDifferent: false,
        ignoreOwner: false,
      },
      foreground: false,
      managedBy: { ...wanted.managedBy, mode },
    },
    context,
    () => undefined,
  );
  if (result.kind === "served") throw new Error("A background tunnel was served in the foreground");
  return result.record;
}

function logProgress(context: AppContext): Progress {
  return { update() {}, done() {}, note: (text) => context.log.warning(text) };
}
