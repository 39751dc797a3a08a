// Keeps the tunnels of one file up: looks, compares, acts, and never waits for one tunnel while another needs it.
//
// Tunnels are processes of their own. A supervisor that dies leaves them running, and the next one finds them in the
// registry and goes on from there: nothing of what it knows is needed to take over.
import { errorMessage } from "../../domain/errors.ts";
import { sharedLocalPorts } from "../../domain/tunnel-spec.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import type { TunnelStatus } from "../control/control-protocol.ts";
import type { WantedTunnel } from "../project/project.ts";
import { planReconcile, type SeenTunnel, type Step } from "../project/reconcile.ts";
import { StartGate } from "../start-gate.ts";
import { Slot, type SlotWorld } from "./service-slot.ts";

/** What a supervisor can see and do. */
export interface Fleet {
  /** Every tunnel of the registry. Cheap when nothing changed: it is called every second. */
  see(): Promise<readonly SeenTunnel[]>;
  start(wanted: WantedTunnel, signal: AbortSignal): Promise<TunnelRecord>;
  stop(record: TunnelRecord, options: { readonly timeoutMs: number; readonly force: boolean }): Promise<void>;
  /** Figures of a tunnel; undefined when its process does not answer. */
  status(record: TunnelRecord): Promise<TunnelStatus | undefined>;
  /** Entries that were stopped by hand, with the time, milliseconds since 1970. */
  held(): Promise<ReadonlyMap<string, number>>;
  release(entry: string): Promise<void>;
}

/** Options of a supervisor. */
export type SupervisorOptions = SlotWorld & {
  readonly file: string;
  readonly fleet: Fleet;
  /** Called after every look: the proof that the loop lives. */
  readonly onPass: () => void;
};

/** How often the tunnels are looked at: a tunnel that died is missed for no longer. */
const PASS_INTERVAL_MS = 1000;
/** How often tunnels are asked for their health, for the status line and to find hanging processes. */
const HEALTH_INTERVAL_MS = 30_000;
/** How long connections of a tunnel that left the file may take to finish: what `stop` gives them. */
const REMOVAL_TIMEOUT_MS = 10_000;

/** Supervises until its signal is aborted; then `stopAll` or leave the tunnels to the next one. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #gate: StartGate;
  readonly #slots = new Map<string, Slot>();
  readonly #removals = new Map<string, { readonly record: TunnelRecord; readonly done: Promise<void> }>();
  #wake = Promise.withResolvers<void>();
  #settled = Promise.withResolvers<void>();
  #askedHealthAtMs = Number.NEGATIVE_INFINITY;
  #isAskingHealth = false;
  #toldProblem = "";

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#gate = new StartGate(options.clock);
  }

  /** All supervised tunnels in the order of the file. */
  get slots(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  /** Takes a new text of the file: what did not change goes on untouched, what failed is tried at once. */
  setWanted(wanted: readonly WantedTunnel[]): void {
    const old = new Map(this.#slots);
    this.#slots.clear();
    for (const tunnel of wanted) {
      const name = tunnel.entry.name;
      const slot = old.get(name);
      old.delete(name);
      const isSame = slot?.wanted.managedBy.digest === tunnel.managedBy.digest;
      const next = slot !== undefined && isSame ? slot : new Slot(tunnel, this.#options);
      next.wanted = tunnel;
      next.tryAnew();
      if (slot !== undefined && next !== slot) {
        // Nothing is begun for the new text while work for the old one is under way.
        next.task = slot.task?.finally(() => {
          next.task = undefined;
        });
        slot.cancel?.();
      }
      this.#slots.set(name, next);
    }
    for (const slot of old.values()) slot.cancel?.();
    const { resolve } = this.#settled;
    this.#settled = Promise.withResolvers();
    // Who waited for the old text waits for the new one.
    void this.#settled.promise.then(resolve);
    this.#poke();
  }

  /** Resolves when every tunnel of the file was found running, was started, or failed once. */
  settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Looks and acts until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, onPass } = this.#options;
    signal.addEventListener("abort", () => this.#poke(), { once: true });
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      try {
        await this.pass();
        this.#toldProblem = "";
      } catch (error) {
        // A disk that is full or a network home that is away: look again, and say so once.
        if (this.#toldProblem !== errorMessage(error)) log.error(`Cannot look after tunnels: ${errorMessage(error)}`);
        this.#toldProblem = errorMessage(error);
      }
      onPass();
      const nap = new AbortController();
      await Promise.race([clock.sleep(PASS_INTERVAL_MS, nap.signal).catch(() => undefined), this.#wake.promise]);
      nap.abort();
    }
    for (const slot of this.#slots.values()) slot.cancel?.();
    await this.#allTasks();
  }

  /** Looks once and begins what has to be done. */
  async pass(): Promise<void> {
    const { file, fleet } = this.#options;
    // What is under way while we look may change what we see: leave it for the next look.
    const idle = new Set(this.slots.filter((slot) => slot.task === undefined));
    const [seen, held] = await Promise.all([fleet.see(), fleet.held()]);
    const wanted = this.slots.map((slot) => slot.wanted);
    const steps = planReconcile(file, wanted, seen);
    // First of all: what goes may hold the ports that others want.
    for (const step of steps) if (step.kind === "remove") this.#remove(step.record);
    for (const step of steps) {
      if (step.kind === "remove") continue;
      const slot = this.#slots.get(step.wanted.entry.name);
      if (slot !== undefined && idle.has(slot) && slot.task === undefined) await this.#apply(step, slot, held);
    }
    if (this.slots.every((slot) => slot.isTried) && this.#removals.size === 0) this.#settled.resolve();
    this.#askHealth();
  }

  /** Stops every tunnel of the file that runs, side by side. Call it when `run` has returned. */
  async stopAll(timeoutMs: number): Promise<void> {
    const { file, fleet, log } = this.#options;
    const own = (await fleet.see()).filter(
      ({ liveness, record }) => record.managedBy?.file === file && (liveness === "alive" || liveness === "starting"),
    );
    await Promise.all(
      own.map(({ record }) =>
        fleet.stop(record, { timeoutMs, force: false }).catch((error: unknown) => {
          log.error(`Cannot stop tunnel "${record.managedBy?.entry}": ${errorMessage(error)}`);
        }),
      ),
    );
    for (const [entry] of await fleet.held()) await fleet.release(entry);
  }

  async #apply(step: Exclude<Step, { kind: "remove" }>, slot: Slot, held: ReadonlyMap<string, number>): Promise<void> {
    const heldAt = held.get(slot.name);
    switch (step.kind) {
      case "keep":
        if (slot.record?.id !== step.record.id) this.#tellFound(step, slot);
        slot.isUp(step.record);
        // Started by hand after it was stopped by hand: it is wanted again.
        if (heldAt !== undefined && step.record.createdAt > heldAt) await this.#options.fleet.release(slot.name);
        break;
      case "wait":
        slot.isStopping();
        break;
      case "replace":
        this.#replace(slot, step.record);
        break;
      case "start":
      case "blocked":
        if (heldAt !== undefined) slot.hold();
        else this.#startIfDue(slot);
        break;
    }
  }

  #startIfDue(slot: Slot): void {
    if (slot.state === "held") slot.tryAnew();
    if (slot.state === "up" || slot.state === "stopping" || slot.state === "starting") slot.died();
    const { ports } = slot.wanted.spec;
    for (const { record } of this.#removals.values()) {
      if (sharedLocalPorts(ports, record.boundPorts ?? record.spec.ports).length > 0) return;
    }
    if (slot.isDue) this.#begin(slot, (signal) => this.#start(slot, signal));
  }

  #replace(slot: Slot, record: TunnelRecord): void {
    if (!slot.isDue) return;
    this.#options.log.info(`Tunnel "${slot.name}" changed in the file; starting it anew`);
    this.#begin(slot, async (signal) => {
      slot.isStopping();
      await this.#options.fleet.stop(record, { timeoutMs: slot.wanted.entry.start.stopTimeoutMs, force: false });
      await this.#start(slot, signal);
    });
  }

  async #start(slot: Slot, signal: AbortSignal): Promise<void> {
    slot.isStarting();
    const record = await this.#gate.run(() => this.#options.fleet.start(slot.wanted, signal), signal);
    slot.isUp(record);
    this.#options.log.info(`Tunnel "${slot.name}" is up`, { run: record.runName, pid: record.process?.pid });
  }

  /** Runs work on one tunnel beside everything else; its failure is the slot's. */
  #begin(slot: Slot, work: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    slot.cancel = () => controller.abort();
    slot.task = work(controller.signal)
      .catch((error: unknown) => {
        if (controller.signal.aborted) slot.calledOff();
        else slot.failed(error);
      })
      .finally(() => {
        slot.task = undefined;
        slot.cancel = undefined;
        this.#poke();
      });
  }

  #remove(record: TunnelRecord): void {
    if (this.#removals.has(record.id)) return;
    const { fleet, log } = this.#options;
    log.info(`Tunnel "${record.managedBy?.entry}" is no longer in the file; stopping it`);
    const done = fleet
      .stop(record, { timeoutMs: REMOVAL_TIMEOUT_MS, force: false })
      .catch((error: unknown) => log.error(`Cannot stop tunnel "${record.managedBy?.entry}": ${errorMessage(error)}`))
      .finally(() => {
        this.#removals.delete(record.id);
        this.#poke();
      });
    this.#removals.set(record.id, { record, done });
  }

  #tellFound(step: Extract<Step, { kind: "keep" }>, slot: Slot): void {
    const what = step.adopted ? "was started by hand; looking after it" : "runs already; looking after it";
    this.#options.log.info(`Tunnel "${slot.name}" ${what}`, { pid: step.record.process?.pid });
  }

  /** Asks all tunnels for their health, beside everything else. */
  #askHealth(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#isAskingHealth || now - this.#askedHealthAtMs < HEALTH_INTERVAL_MS) return;
    this.#askedHealthAtMs = now;
    this.#isAskingHealth = true;
    void Promise.all(this.slots.map((slot) => this.#askOne(slot))).finally(() => {
      this.#isAskingHealth = false;
    });
  }

  async #askOne(slot: Slot): Promise<void> {
    const { record } = slot;
    if (slot.state !== "up" || record === undefined) return;
    const status = await this.#options.fleet.status(record).catch(() => undefined);
    if (slot.record?.id !== record.id || slot.state !== "up") return;
    const isHanging = slot.noteStatus(status);
    if (!isHanging || slot.task !== undefined) return;
    this.#options.log.warning(`Tunnel "${slot.name}" does not answer; ending its process`, {
      pid: record.process?.pid,
    });
    this.#begin(slot, () => this.#options.fleet.stop(record, { timeoutMs: 0, force: true }));
  }

  async #allTasks(): Promise<void> {
    await Promise.all([
      ...this.slots.map((slot) => slot.task),
      ...[...this.#removals.values()].map(({ done }) => done),
    ]);
  }

  #poke(): void {
    this.#wake.resolve();
  }
}
