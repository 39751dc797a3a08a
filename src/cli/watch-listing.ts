// `list --watch`: the table as it is now, in place on a terminal; elsewhere, and with `--json`, one line for each change.
import { AppError, InterruptedError } from "../domain/errors.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { ListedTunnel, Listing } from "../tunnel/list.ts";
import { describeAddresses, describeTrouble, listedJson } from "./describe-tunnel.ts";
import { LiveScreen } from "./live-screen.ts";
import { type Rates, renderListing } from "./render-listing.ts";
import type { Output } from "./world.ts";

/** What is watched, and how. */
export type WatchOptions = {
  readonly look: () => Promise<Listing>;
  readonly intervalMs: number;
  readonly json: boolean;
};

/** Watches until the signal of the context is aborted, which is how it is meant to end. */
export async function watchListing(options: WatchOptions, context: AppContext, output: Output): Promise<void> {
  const look = endable(options.look, context.signal);
  if (output.isTty && !options.json) {
    using screen = new LiveScreen(output);
    await watchTable({ ...options, look }, screen, context, output);
  } else {
    await watchChanges({ ...options, look }, context, output);
  }
}

type Looking = Omit<WatchOptions, "look"> & { readonly look: () => Promise<Listing | undefined> };

async function watchTable(
  { intervalMs, look }: Looking,
  screen: LiveScreen,
  context: AppContext,
  output: Output,
): Promise<void> {
  const meter = new RateMeter();
  for (let listing = await look(); listing !== undefined; listing = await look()) {
    const rates = meter.measure(listing.tunnels, context.clock.monotonicMs());
    const time = new Date(context.clock.now()).toTimeString().slice(0, 8);
    screen.draw(`${renderListing(listing, context, output, rates)}\n${time}, Ctrl+C ends\n`);
    await context.clock.sleep(intervalMs, context.signal).catch(() => undefined);
  }
}

async function watchChanges({ intervalMs, json, look }: Looking, context: AppContext, output: Output): Promise<void> {
  let before: ReadonlyMap<string, ListedTunnel> = new Map();
  for (let listing = await look(); listing !== undefined; listing = await look()) {
    const now = new Map(listing.tunnels.map((tunnel) => [tunnel.record.id, tunnel]));
    for (const change of decideChanges(before, now)) output.write(renderChange(change, json, context));
    before = now;
    await context.clock.sleep(intervalMs, context.signal).catch(() => undefined);
  }
}

/** What happened to a tunnel between two looks. */
export type Change = { readonly event: "added" | "changed" | "removed"; readonly tunnel: ListedTunnel };

/** The changes, those that are gone first. Figures that move all the time are no change. */
export function decideChanges(
  before: ReadonlyMap<string, ListedTunnel>,
  now: ReadonlyMap<string, ListedTunnel>,
): readonly Change[] {
  const removed = [...before].filter(([id]) => !now.has(id)).map(([, tunnel]) => tunnel);
  const changed = [...now].flatMap(([id, tunnel]): Change[] => {
    const known = before.get(id);
    if (known === undefined) return [{ event: "added", tunnel }];
    return outlook(known) === outlook(tunnel) ? [] : [{ event: "changed", tunnel }];
  });
  return [...removed.map((tunnel): Change => ({ event: "removed", tunnel })), ...changed];
}

function outlook({ record, state, status }: ListedTunnel): string {
  return JSON.stringify([
    state,
    record.boundPorts,
    record.process?.pid,
    record.warnings,
    status?.health.lastFailure?.code,
  ]);
}

function renderChange({ event, tunnel }: Change, json: boolean, context: AppContext): string {
  const at = new Date(context.clock.now());
  if (json) return `${JSON.stringify({ event, at: at.toISOString(), tunnel: listedJson(tunnel) })}\n`;
  const state = event === "removed" ? "gone" : tunnel.state;
  const trouble = event === "removed" ? undefined : describeTrouble(tunnel, context);
  const parts = [tunnel.record.runName, state, describeAddresses(tunnel.record), ...((trouble ?? "") ? [trouble] : [])];
  return `${at.toTimeString().slice(0, 8)}  ${parts.join("  ")}\n`;
}

/** Bytes a second between two looks. */
class RateMeter {
  #last: ReadonlyMap<string, { readonly bytes: number; readonly atMs: number }> = new Map();

  measure(tunnels: readonly ListedTunnel[], atMs: number): Rates {
    const rates = new Map<string, number>();
    const seen = new Map<string, { readonly bytes: number; readonly atMs: number }>();
    for (const { record, status } of tunnels) {
      if (status === undefined) continue;
      const bytes = status.bytesUp + status.bytesDown;
      const last = this.#last.get(record.id);
      seen.set(record.id, { bytes, atMs });
      if (last !== undefined && bytes >= last.bytes && atMs > last.atMs) {
        rates.set(record.id, ((bytes - last.bytes) * 1000) / (atMs - last.atMs));
      }
    }
    this.#last = seen;
    return rates;
  }
}

/** Looks until the signal is aborted: then, and where a look is interrupted, there is nothing to see. */
function endable(look: () => Promise<Listing>, signal: AbortSignal): () => Promise<Listing | undefined> {
  return async () => {
    if (signal.aborted) return undefined;
    try {
      return await look();
    } catch (error) {
      if (signal.aborted && (error === signal.reason || error instanceof InterruptedError)) return undefined;
      throw error instanceof AppError ? error : new Error("Cannot look at the tunnels", { cause: error });
    }
  };
}
