import { describe, expect, test } from "bun:test";
import {
  AuthError,
  CarriedError,
  ConflictError,
  LocalError,
  NotFoundError,
  UnreachableError,
  UsageError,
} from "../../../src/domain/errors.ts";
import type { Log } from "../../../src/domain/log.ts";
import { sharedLocalPorts } from "../../../src/domain/tunnel-spec.ts";
import type { TunnelRecord } from "../../../src/registry/record.ts";
import type { TunnelStatus } from "../../../src/tunnel/control/control-protocol.ts";
import type { WantedTunnel } from "../../../src/tunnel/project/project.ts";
import type { SeenTunnel } from "../../../src/tunnel/project/reconcile.ts";
import { classifyFailure, retryDelayMs } from "../../../src/tunnel/service/service-schedule.ts";
import { type Fleet, Supervisor } from "../../../src/tunnel/service/service-supervisor.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { makeIdentity, makeRecord } from "../../support/specs.ts";
import { FILE, makeWanted } from "../wanted.ts";

const STATUS = { health: { state: "healthy" } } as TunnelStatus;

/** Tunnels that exist in memory only: started, killed and failing as a test wants it. */
class FakeFleet implements Fleet {
  readonly running = new Map<string, TunnelRecord>();
  readonly holds = new Map<string, number>();
  readonly starts: { readonly entry: string; readonly atMs: number }[] = [];
  readonly stops: string[] = [];
  readonly silent = new Set<string>();
  /** What the next starts of an entry end with. */
  readonly failures = new Map<string, unknown>();
  /** Starts that wait until they are called off. */
  readonly stuck = new Set<string>();
  sight: Error | undefined;
  /** How long connections take to finish. */
  stopMs = 0;
  looks = 0;
  readonly #clock: FakeClock;
  #nextPid = 1000;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async see(): Promise<readonly SeenTunnel[]> {
    this.looks += 1;
    if (this.sight !== undefined) throw this.sight;
    return [...this.running.values()].map((record) => ({ record, liveness: "alive" }));
  }

  async start(wanted: WantedTunnel, signal: AbortSignal): Promise<TunnelRecord> {
    const entry = wanted.entry.name;
    this.starts.push({ entry, atMs: this.#clock.monotonicMs() });
    if (this.stuck.has(entry)) {
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    const failure = this.failures.get(entry);
    if (failure !== undefined) throw failure;
    const holder = [...this.running.values()].find(
      ({ spec }) => sharedLocalPorts(spec.ports, wanted.spec.ports).length > 0,
    );
    if (holder !== undefined) throw new ConflictError(`Tunnel ${holder.id} has the port`);
    return this.run(wanted);
  }

  /** As if it had been started. */
  run(wanted: WantedTunnel): TunnelRecord {
    this.#nextPid += 1;
    const record = makeRecord({
      id: `t-${this.#nextPid}`,
      spec: wanted.spec,
      managedBy: wanted.managedBy,
      process: makeIdentity(this.#nextPid),
      createdAt: this.#clock.now(),
      mode: "service",
    });
    this.running.set(wanted.entry.name, record);
    return record;
  }

  async stop(record: TunnelRecord): Promise<void> {
    this.stops.push(record.managedBy?.entry ?? record.id);
    if (this.stopMs > 0) await this.#clock.sleep(this.stopMs);
    for (const [entry, { id }] of this.running) if (id === record.id) this.running.delete(entry);
  }

  async status(record: TunnelRecord): Promise<TunnelStatus | undefined> {
    return this.silent.has(record.managedBy?.entry ?? "") ? undefined : STATUS;
  }

  async held(): Promise<ReadonlyMap<string, number>> {
    return this.holds;
  }

  async release(entry: string): Promise<void> {
    this.holds.delete(entry);
  }
}

/** A supervisor that runs over a fake clock until the block ends. */
class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly fleet = new FakeFleet(this.clock);
  readonly lines: string[] = [];
  readonly supervisor: Supervisor;
  passes = 0;
  readonly #end = new AbortController();
  #running: Promise<void> | undefined;

  constructor(...wanted: readonly WantedTunnel[]) {
    const say = (message: string): void => void this.lines.push(message);
    const log: Log = { debug() {}, info: say, warning: say, error: say };
    this.supervisor = new Supervisor({
      file: FILE,
      fleet: this.fleet,
      clock: this.clock,
      random: () => 1,
      log,
      onPass: () => {
        this.passes += 1;
      },
    });
    this.supervisor.setWanted(wanted);
  }

  /** Begins, and lets time go by. */
  async advance(ms: number): Promise<void> {
    this.#running ??= this.supervisor.run(this.#end.signal);
    await this.clock.advance(ms);
  }

  states(): readonly string[] {
    return this.supervisor.slots.map((slot) => `${slot.name} ${slot.state}`);
  }

  startsOf(entry: string): readonly number[] {
    return this.fleet.starts.filter((start) => start.entry === entry).map(({ atMs }) => atMs);
  }

  async end(): Promise<void> {
    this.#end.abort();
    if (this.#running !== undefined) await this.clock.runUntil(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

const port = (local: number) => ({ ports: [{ local, remote: 22 }] });
const one = makeWanted("one", port(1001));
const two = makeWanted("two", port(1002));

describe("Supervisor", () => {
  test("starts what is missing, adopts what runs, and says when it is through", async () => {
    await using bench = new Bench(one, two);
    const record = bench.fleet.run(two);
    const settled = bench.supervisor.settled();
    await bench.advance(1000);
    await settled;
    expect(bench.states()).toEqual(["one up", "two up"]);
    expect(bench.startsOf("two")).toEqual([]);
    expect(bench.supervisor.slots[1]?.record?.id).toBe(record.id);
  });

  test("starts a tunnel that died again, with growing waits, and forgets that after a stable minute", async () => {
    await using bench = new Bench(one);
    await bench.advance(0);
    const waits: number[] = [];
    const dieAndWait = async (): Promise<void> => {
      bench.fleet.running.delete("one");
      const diedAtMs = bench.clock.monotonicMs();
      const before = bench.startsOf("one").length;
      while (bench.startsOf("one").length === before) await bench.advance(500);
      await bench.advance(0);
      waits.push(Math.round(((bench.startsOf("one").at(-1) ?? 0) - diedAtMs) / 1000));
    };
    for (let times = 0; times < 4; times += 1) await dieAndWait();
    // Half a second to a second until it is missed, then 1 s, 2 s, 4 s, 8 s, and the look after that.
    expect(waits).toEqual([2, 3, 5, 9]);
    await bench.advance(61_000);
    await dieAndWait();
    expect(waits.at(-1)).toBe(2);
    expect(bench.supervisor.slots[0]?.describe().restarts).toBe(5);
  });

  test("tries what may pass about once a minute, what is refused about four times an hour, an ended run never", async () => {
    await using bench = new Bench(one, two, makeWanted("three", port(1003)));
    bench.fleet.failures.set("one", new UnreachableError("No way"));
    bench.fleet.failures.set("two", new AuthError("No"));
    bench.fleet.failures.set("three", new CarriedError("Over", 5, { code: "run-ended" }));
    await bench.advance(3_600_000);
    expect(bench.startsOf("one").length).toBeWithin(60, 70);
    expect(bench.startsOf("two").length).toBeWithin(6, 9);
    expect(bench.startsOf("three").length).toBe(1);
    expect(bench.states()).toEqual(["one waiting", "two waiting", "three ended"]);
    expect(bench.lines.filter((line) => line.includes("Over"))).toEqual([
      'Tunnel "three": Over; not tried again until reload',
    ]);
    expect(bench.lines.filter((line) => line.includes("No way")).length).toBe(1);
  });

  test("a reload tries at once what failed or ended, and leaves alone what did not change", async () => {
    await using bench = new Bench(one, two);
    bench.fleet.failures.set("two", new CarriedError("Over", 5, { code: "run-ended" }));
    await bench.advance(10_000);
    const record = bench.fleet.running.get("one");
    bench.fleet.failures.clear();
    bench.supervisor.setWanted([one, two]);
    await bench.advance(0);
    expect(bench.states()).toEqual(["one up", "two up"]);
    expect(bench.fleet.running.get("one")).toBe(record);
    expect(bench.fleet.stops).toEqual([]);
  });

  test("a reload stops what left the file, restarts what changed, and starts what is new on a port that came free", async () => {
    await using bench = new Bench(one, two);
    await bench.advance(1000);
    bench.fleet.stopMs = 5000;
    const changed = makeWanted("two", { ...port(1002), retries: 3 });
    const heir = makeWanted("heir", port(1001));
    bench.supervisor.setWanted([changed, heir]);
    await bench.advance(4000);
    expect(bench.states()).toEqual(["two stopping", "heir waiting"]);
    await bench.advance(2000);
    expect(bench.states()).toEqual(["two up", "heir up"]);
    expect(bench.startsOf("heir").length).toBe(1);
    expect([...bench.fleet.stops].sort()).toEqual(["one", "two"]);
    expect([...bench.fleet.running.keys()].sort()).toEqual(["heir", "two"]);
  });

  test("a reload calls off a start that is under way and no longer wanted", async () => {
    await using bench = new Bench(one);
    bench.fleet.stuck.add("one");
    await bench.advance(1000);
    bench.fleet.stuck.clear();
    bench.supervisor.setWanted([makeWanted("one", port(2001))]);
    await bench.advance(1000);
    expect(bench.fleet.running.get("one")?.spec.ports[0]?.local).toBe(2001);
    expect(bench.fleet.starts.length).toBe(2);
  });

  test("what was stopped by hand stays so until it is released", async () => {
    await using bench = new Bench(one);
    await bench.advance(1000);
    bench.fleet.holds.set("one", bench.clock.now());
    bench.fleet.running.delete("one");
    await bench.advance(600_000);
    expect(bench.states()).toEqual(["one held"]);
    expect(bench.fleet.starts.length).toBe(1);
    bench.fleet.holds.clear();
    await bench.advance(1000);
    expect(bench.states()).toEqual(["one up"]);
  });

  test("a start by hand after a stop by hand takes the mark away; a stop that is under way does not", async () => {
    await using bench = new Bench(one);
    await bench.advance(1000);
    bench.fleet.holds.set("one", bench.clock.now());
    await bench.advance(1000);
    expect(bench.fleet.holds.size).toBe(1);
    bench.fleet.run(one);
    await bench.advance(1000);
    expect(bench.fleet.holds.size).toBe(0);
    expect(bench.states()).toEqual(["one up"]);
  });

  test("ends a process that does not answer three times, and starts the tunnel anew", async () => {
    await using bench = new Bench(one);
    await bench.advance(31_000);
    bench.fleet.silent.add("one");
    await bench.advance(60_000);
    expect(bench.fleet.stops).toEqual([]);
    await bench.advance(30_000);
    expect(bench.fleet.stops).toEqual(["one"]);
    bench.fleet.silent.clear();
    await bench.advance(5000);
    expect(bench.states()).toEqual(["one up"]);
  });

  test("a tunnel that takes for ever to start keeps no other waiting", async () => {
    const stuck = Array.from({ length: 8 }, (_, index) => makeWanted(`stuck ${index}`, port(2000 + index)));
    await using bench = new Bench(...stuck, one);
    for (const wanted of stuck) bench.fleet.stuck.add(wanted.entry.name);
    await bench.advance(10_000);
    expect(bench.states().at(-1)).toBe("one up");
  });

  test("goes on looking when the registry cannot be read, and says so once", async () => {
    await using bench = new Bench(one);
    bench.fleet.sight = new LocalError("Disk is away");
    await bench.advance(10_000);
    expect(bench.passes).toBeGreaterThan(9);
    expect(bench.lines.filter((line) => line.includes("Disk is away")).length).toBe(1);
    bench.fleet.sight = undefined;
    await bench.advance(1000);
    expect(bench.states()).toEqual(["one up"]);
  });

  test("stopAll() stops its own tunnels only, and starts that are under way are called off before", async () => {
    const bench = new Bench(one, two);
    bench.fleet.stuck.add("two");
    bench.fleet.running.set("hand", makeRecord({ id: "hand" }));
    bench.fleet.holds.set("x", 1);
    await bench.advance(1000);
    await bench.end();
    await bench.supervisor.stopAll(1000);
    expect(bench.fleet.stops).toEqual(["one"]);
    expect([...bench.fleet.running.keys()]).toEqual(["hand"]);
    expect(bench.fleet.holds.size).toBe(0);
  });

  test("looks after fifty tunnels for two hours: every death is mended, nothing spins, nothing piles up", async () => {
    const wanted = Array.from({ length: 50 }, (_, index) => makeWanted(`t${index}`, port(3000 + index)));
    await using bench = new Bench(...wanted);
    await bench.advance(10_000);
    expect(bench.fleet.running.size).toBe(50);
    for (let deaths = 0; deaths < 24; deaths += 1) {
      const victim = `t${deaths * 2}`;
      bench.fleet.running.delete(victim);
      await bench.advance(300_000);
      expect(bench.fleet.running.has(victim)).toBe(true);
    }
    expect(bench.fleet.starts.length).toBe(50 + 24);
    expect(bench.clock.sleeping).toBe(1);
    expect(bench.fleet.looks).toBeLessThan(24 * 300 + 200);
  }, 60_000);
});

describe("classifyFailure()", () => {
  const rows: readonly (readonly [string, unknown, ReturnType<typeof classifyFailure>])[] = [
    ["an ended run", new CarriedError("", 5, { code: "run-ended" }), "over"],
    ["an unknown run", new NotFoundError("", { code: "run-not-found" }), "permanent"],
    ["a refused login", new AuthError(""), "permanent"],
    ["a wrong option", new UsageError(""), "permanent"],
    ["a full disk", new LocalError("", { code: "disk-full" }), "permanent"],
    ["a process that died", new LocalError("", { code: "background-died" }), "transient"],
    ["a bug in a process", new CarriedError("", 1, { code: "internal" }), "transient"],
    ["a taken port", new ConflictError(""), "transient"],
    ["an outage", new UnreachableError(""), "transient"],
    ["a bug", new Error("a bug"), "transient"],
  ];
  test.each(rows)("%s", (_, error, kind) => {
    expect(classifyFailure(error)).toBe(kind);
  });
});

test("retryDelayMs() grows to a minute or to a quarter of an hour, and spreads over the upper half of each step", () => {
  const delays = (kind: "permanent" | "transient", random: number): readonly unknown[] =>
    [1, 2, 3, 4, 10, 1000].map((attempt) => retryDelayMs(kind, attempt, random));
  expect(delays("transient", 1)).toEqual([1000, 2000, 4000, 8000, 60_000, 60_000]);
  expect(delays("transient", 0)).toEqual([500, 1000, 2000, 4000, 30_000, 30_000]);
  expect(delays("permanent", 1)).toEqual([60_000, 120_000, 240_000, 480_000, 900_000, 900_000]);
  expect(retryDelayMs("over", 1, 0)).toBeUndefined();
});
