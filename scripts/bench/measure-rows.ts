// Takes the figures of all rows: in rounds, in alternating order, so that what disturbs one disturbs all alike.
import { type RowFigures, type Spread, spreadOf } from "./figures.ts";
import type { Connects, Flow, Generator, RoundTrips } from "./generator.ts";
import { cpuSeconds, waitForQuiet } from "./processes.ts";
import type { Row } from "./rows.ts";

/** How long and how often to measure. */
export type Plan = {
  readonly rounds: number;
  readonly seconds: number;
  readonly quietMs: number;
  /** No further round begins after this, once there are MIN_ROUNDS. */
  readonly patienceMs: number;
};

/** Fewer have no middle. */
const MIN_ROUNDS = 3;

/** What is known of one row after some rounds. */
type Taken = {
  readonly row: Row;
  readonly down: Flow[];
  readonly up: Flow[];
  readonly roundTrips: RoundTrips[];
  readonly connects1: Connects[];
  readonly connects8: Connects[];
  cpuSeconds: number;
};

/** Measures; `say` is told of progress and of what fails. Returns the figures, how often others were busy, and how many
 * rounds there were time for. */
export async function measureRows(
  rows: readonly Row[],
  generator: Generator,
  plan: Plan,
  say: (text: string) => void,
): Promise<{ readonly rows: readonly RowFigures[]; readonly busyShare: number; readonly rounds: number }> {
  const all = rows.map((row) => newTaken(row));
  const patientUntil = performance.now() + plan.patienceMs;
  let busy = 0;
  let round = 0;
  for (; round < plan.rounds; round += 1) {
    if (round >= MIN_ROUNDS && performance.now() > patientUntil) {
      say("the time is up");
      break;
    }
    for (const taken of round % 2 === 0 ? all : all.toReversed()) {
      busy += (await waitForQuiet(plan.quietMs)) ? 0 : 1;
      await measureOnce(taken, generator, plan.seconds, say);
    }
    say(`round ${round + 1} of ${plan.rounds} is done`);
  }
  return { rows: all.map(summarise), rounds: round, busyShare: busy / Math.max(1, round * rows.length) };
}

function newTaken(row: Row): Taken {
  return { row, down: [], up: [], roundTrips: [], connects1: [], connects8: [], cpuSeconds: 0 };
}

async function measureOnce(
  taken: Taken,
  generator: Generator,
  seconds: number,
  say: (text: string) => void,
): Promise<void> {
  const { entry, family, name, pid } = taken.row;
  const take = async (what: string, measure: () => Promise<void>): Promise<void> => {
    await measure().catch((error: unknown) => {
      say(`${name} (${family}), ${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  };
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  await take("down", async () => void taken.down.push(await generator.down(entry, seconds)));
  await take("up", async () => void taken.up.push(await generator.up(entry, seconds)));
  taken.cpuSeconds += (pid === undefined ? 0 : cpuSeconds(pid)) - before;
  await take("round trip", async () => void taken.roundTrips.push(await generator.roundTrips(entry, seconds)));
  await take("connections", async () => void taken.connects1.push(await generator.connects(entry, seconds, 1)));
  await take("connections", async () => void taken.connects8.push(await generator.connects(entry, seconds, 8)));
}

function summarise(taken: Taken): RowFigures {
  const { connects1, connects8, down, roundTrips, row, up } = taken;
  const bytes = [...down, ...up].reduce((sum, flow) => sum + flow.bytes, 0);
  return {
    name: row.name,
    family: row.family,
    ...named("down", down, (flow) => flow.bytesPerSecond),
    ...named("up", up, (flow) => flow.bytesPerSecond),
    ...named("roundTripP50", roundTrips, ({ p50 }) => p50),
    ...named("roundTripP99", roundTrips, ({ p99 }) => p99),
    ...named("connects1", connects1, ({ perSecond }) => perSecond),
    ...named("connects8", connects8, ({ perSecond }) => perSecond),
    failedConnects: [...connects1, ...connects8].reduce((sum, { failed }) => sum + failed, 0),
    ...(row.pid === undefined || bytes === 0 ? {} : { cpuSecondsPerGiB: taken.cpuSeconds / (bytes / 1024 ** 3) }),
  };
}

function named<K extends string, T>(key: K, results: readonly T[], pick: (result: T) => number): { [P in K]?: Spread } {
  const spread = spreadOf(results.map(pick));
  const named: { [P in K]?: Spread } = {};
  if (spread !== undefined) named[key] = spread;
  return named;
}
