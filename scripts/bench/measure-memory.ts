// What a tunnel's memory does under load: many connections, readers that stall, gigabytes, thousands of short connections.
import type { Memory } from "./figures.ts";
import type { Generator, HeldConnections } from "./generator.ts";
import { countDescriptors, limitOfDescriptors, pause, pssBytes } from "./processes.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** How much of everything. */
export type MemoryPlan = {
  readonly held: number;
  readonly gibibytes: number;
  readonly shortConnections: number;
  readonly stallMs: number;
};

/** Idle connections over which the cost of one is taken. */
const IDLE = 2000;

/** Stalled connections of each kind. */
const STALLED = 16;

/** A tunnel gives memory back three seconds after its work. */
const SETTLE_MS = 4000;

/** Descriptors that a tunnel has open besides those of its connections, and some to spare. */
const OWN_DESCRIPTORS = 50;

const GIB = 1024 ** 3;

/** Part of a load after which memory must not grow any more. */
const WARM_UP = 0.1;

/** The same for short connections: what they leave is collected in larger steps. */
const WARM_UP_SHORT = 0.25;

/** Loads tunnels of their own with one thing after the other. */
export async function measureMemory(
  tunnels: Tunnels,
  generator: Generator,
  plan: MemoryPlan,
  say: (text: string) => void,
): Promise<Memory> {
  const target = generator.targets.at(-1) ?? 0;
  const crowded = await tunnels.start(target);
  const crowd = await loadWithConnections(crowded, generator, Math.min(plan.held, mostConnections(crowded.pid)));
  await tunnels.stop(crowded);
  say("connections are done");
  const busy = await tunnels.start(target);
  await pause(SETTLE_MS);
  const restBytes = pssBytes(busy.pid);
  const descriptorsBefore = countDescriptors(busy.pid);
  const stalledBytes = await loadWithStalled(busy, generator, plan.stallMs);
  say("stalled readers are done");
  const flows = await loadWithBytes(busy, generator, plan.gibibytes);
  say("gigabytes are done");
  const shorts = await loadWithShort(busy, generator, plan.shortConnections);
  const descriptorsAfter = await settledDescriptors(busy, descriptorsBefore);
  await tunnels.stop(busy);
  return { restBytes, ...crowd, stalledBytes, ...flows, ...shorts, descriptorsBefore, descriptorsAfter };
}

/** Each connection takes two descriptors, and not every system lets their limit be raised. */
function mostConnections(pid: number): number {
  return Math.floor((limitOfDescriptors(pid) - OWN_DESCRIPTORS) / 2);
}

type Crowd = Pick<Memory, "asked" | "held" | "perIdleConnectionBytes" | "withAllHeldBytes">;

async function loadWithConnections(tunnel: Tunnel, generator: Generator, asked: number): Promise<Crowd> {
  await pause(SETTLE_MS);
  const before = pssBytes(tunnel.pid);
  const first = await generator.idle(tunnel.port, Math.min(IDLE, asked));
  await pause(SETTLE_MS);
  const perIdleConnectionBytes = (pssBytes(tunnel.pid) - before) / first.count;
  const rest = asked > first.count ? await generator.idle(tunnel.port, asked - first.count) : undefined;
  await pause(SETTLE_MS);
  const withAllHeldBytes = pssBytes(tunnel.pid);
  const held = (await first.countAlive()) + ((await rest?.countAlive()) ?? 0);
  await closeAll([first, rest]);
  return { asked, held, perIdleConnectionBytes, withAllHeldBytes };
}

async function closeAll(connections: readonly (HeldConnections | undefined)[]): Promise<void> {
  for (const held of connections) await held?.close();
}

/** The most memory while nobody reads. */
async function loadWithStalled(tunnel: Tunnel, generator: Generator, stallMs: number): Promise<number> {
  const stalled = await generator.stalled(tunnel.port, STALLED);
  let most = 0;
  const end = performance.now() + stallMs;
  while (performance.now() < end) {
    most = Math.max(most, pssBytes(tunnel.pid));
    await pause(100);
  }
  await stalled.close();
  return most;
}

type Bytes = Pick<Memory, "movedGiB" | "afterFirstGiBBytes" | "afterAllGiBBytes">;

async function loadWithBytes(tunnel: Tunnel, generator: Generator, gibibytes: number): Promise<Bytes> {
  let moved = 0;
  const moveTo = async (bytes: number): Promise<number> => {
    while (moved < bytes) {
      moved += (await generator.down(tunnel, 0.25)).bytes;
      moved += (await generator.up(tunnel, 0.25)).bytes;
    }
    await pause(SETTLE_MS);
    return pssBytes(tunnel.pid);
  };
  const afterFirstGiBBytes = await moveTo(gibibytes * WARM_UP * GIB);
  const afterAllGiBBytes = await moveTo(gibibytes * GIB);
  return { movedGiB: moved / GIB, afterFirstGiBBytes, afterAllGiBBytes };
}

type Shorts = Pick<Memory, "shortConnections" | "afterFirstShortBytes" | "afterAllShortBytes">;

async function loadWithShort(tunnel: Tunnel, generator: Generator, count: number): Promise<Shorts> {
  let done = 0;
  const connectTo = async (wanted: number): Promise<number> => {
    while (done < wanted) done += (await generator.connects(tunnel, 0.25, 8)).done;
    await pause(SETTLE_MS);
    return pssBytes(tunnel.pid);
  };
  const afterFirstShortBytes = await connectTo(count * WARM_UP_SHORT);
  const afterAllShortBytes = await connectTo(count);
  return { shortConnections: done, afterFirstShortBytes, afterAllShortBytes };
}

/** Descriptors once the last connections have closed. */
async function settledDescriptors(tunnel: Tunnel, wanted: number): Promise<number> {
  for (let tries = 0; tries < 20 && countDescriptors(tunnel.pid) > wanted; tries += 1) await pause(250);
  return countDescriptors(tunnel.pid);
}
