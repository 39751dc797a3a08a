// One tunnel under supervision: whether it is up, how often it failed, when it is tried again.
import type { Clock } from "../../domain/clock.ts";
import { AppError, errorMessage } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import type { TunnelStatus } from "../control/control-protocol.ts";
import type { WantedTunnel } from "../project/project.ts";
import type { SupervisedTunnel } from "./service-files.ts";
import { classifyFailure, type FailureKind, retryDelayMs, STABLE_MS } from "./service-schedule.ts";

/** What a slot needs to keep its schedule. */
export type SlotWorld = { readonly clock: Clock; readonly random: () => number; readonly log: Log };

/** Answers to health questions missed in a row after which a process counts as hanging. */
const HANGING_AFTER = 3;

/** The state of one wanted tunnel. It only keeps books; the supervisor acts. */
export class Slot {
  wanted: WantedTunnel;
  record: TunnelRecord | undefined;
  status: TunnelStatus | undefined;
  /** Work on this tunnel that is under way; never rejects. */
  task: Promise<void> | undefined;
  /** Ends the work under way. */
  cancel: (() => void) | undefined;
  /** Whether anything was decided about it since the file was read. */
  isTried = false;
  #state: SupervisedTunnel["state"] = "waiting";
  #restarts = 0;
  #failures = 0;
  #upSinceMs: number | undefined;
  #nextTryMs = 0;
  #problem: { readonly message: string; readonly code: string; readonly hint?: string } | undefined;
  #silences = 0;
  readonly #world: SlotWorld;

  constructor(wanted: WantedTunnel, world: SlotWorld) {
    this.wanted = wanted;
    this.#world = world;
  }

  get state(): SupervisedTunnel["state"] {
    return this.#state;
  }

  get name(): string {
    return this.wanted.entry.name;
  }

  /** Whether it is time for a start. */
  get isDue(): boolean {
    return this.#state !== "ended" && this.#world.clock.monotonicMs() >= this.#nextTryMs;
  }

  /** It runs; called at every look. */
  isUp(record: TunnelRecord): void {
    const now = this.#world.clock.monotonicMs();
    this.record = record;
    this.isTried = true;
    this.#state = record.state === "starting" ? "starting" : "up";
    if (this.#state !== "up") return;
    this.#upSinceMs ??= now;
    this.#problem = undefined;
    if (now - this.#upSinceMs >= STABLE_MS) this.#failures = 0;
  }

  /** It ran and is gone, and nobody asked for that. */
  died(): void {
    this.#restarts += 1;
    this.#leave("waiting");
    const problem = { message: "Its process ended", code: "died" };
    const delayMs = this.#schedule("transient");
    this.#world.log.warning(`Tunnel "${this.name}" ended; starting it again`, { inMs: Math.round(delayMs ?? 0) });
    this.#problem = problem;
  }

  isStarting(): void {
    this.#leave("starting");
  }

  isStopping(): void {
    this.#leave("stopping");
  }

  /** Somebody stopped it by hand. */
  hold(): void {
    if (this.#state !== "held") {
      this.#world.log.info(`Tunnel "${this.name}" was stopped by hand and stays so until reload or start`);
    }
    this.isTried = true;
    this.#problem = undefined;
    this.#leave("held");
  }

  /** A start failed. */
  failed(error: unknown): void {
    this.isTried = true;
    const kind = classifyFailure(error);
    const delayMs = this.#schedule(kind);
    const code = error instanceof AppError ? error.code : "internal";
    const hint = error instanceof AppError ? error.hint : undefined;
    const isNews = this.#problem?.code !== code;
    this.#leave(kind === "over" ? "ended" : "waiting");
    this.#problem = { message: errorMessage(error), code, ...(hint === undefined ? {} : { hint }) };
    const next = delayMs === undefined ? "not tried again until reload" : `next try in ${Math.round(delayMs / 1000)} s`;
    const text = `Tunnel "${this.name}": ${errorMessage(error)}; ${next}`;
    if (isNews) this.#world.log.warning(text, { code });
    else this.#world.log.debug(text, { code });
  }

  /** A start was called off. */
  calledOff(): void {
    this.#leave("waiting");
  }

  /** Forget failures and holds: somebody asked for a fresh try. */
  tryAnew(): void {
    this.#failures = 0;
    this.#nextTryMs = 0;
    this.isTried = false;
    if (this.#state === "ended" || this.#state === "held") this.#state = "waiting";
  }

  /** Notes the answer to a health question; true when the process has been silent for too long. */
  noteStatus(status: TunnelStatus | undefined): boolean {
    this.status = status;
    this.#silences = status === undefined ? this.#silences + 1 : 0;
    return this.#silences >= HANGING_AFTER;
  }

  /** The slot as `service status` shows it. */
  describe(): SupervisedTunnel {
    const { spec, runName } = this.wanted;
    const { clock } = this.#world;
    const pid = this.record?.process?.pid;
    const ports = this.record?.boundPorts ?? spec.ports;
    const waits = this.#state === "waiting" && this.#problem !== undefined;
    return {
      entry: this.name,
      run: spec.run,
      platform: spec.platform,
      runName,
      localPorts: ports.map((pair) => pair.local),
      state: this.#state,
      restarts: this.#restarts,
      ...(pid === undefined ? {} : { pid }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem.message }),
      ...(this.#problem?.hint === undefined ? {} : { hint: this.#problem.hint }),
      ...(waits ? { nextTryAt: Math.round(clock.now() + this.#nextTryMs - clock.monotonicMs()) } : {}),
    };
  }

  #schedule(kind: FailureKind): number | undefined {
    this.#failures += 1;
    const delayMs = retryDelayMs(kind, this.#failures, this.#world.random());
    this.#nextTryMs = this.#world.clock.monotonicMs() + (delayMs ?? 0);
    return delayMs;
  }

  #leave(state: SupervisedTunnel["state"]): void {
    this.#state = state;
    this.#upSinceMs = undefined;
    this.#silences = 0;
    this.status = undefined;
    if (state !== "stopping") this.record = undefined;
  }
}
