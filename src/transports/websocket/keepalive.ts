// Decides when to ping and when a silent peer counts as dead. Pure: the clock is passed in with each tick.

/** What to do at a tick. */
export type KeepaliveStep = "nothing" | "ping" | "peer-dead" | "far-side-silent";

/** Interval of ticks. Two of them are the interval of pings and the time a peer has to say anything. */
export const TICK_MS = 10_000;

/** 20 s between pings keeps every proxy known from calling the connection idle. */
const TICKS_PER_PING = 2;

/** A tick this late means that the computer slept: the peer could not be heard, so judgement starts anew. */
const SLEPT_MS = 3 * TICK_MS;

/** Limits beyond which a silent far side counts as gone though the relay answers; see Via.silence. */
export type SilenceLimits = { readonly afterMs: number; readonly limitMs: number };

/** What was seen since the last tick. */
export type Observation = {
  readonly nowMs: number;
  /** Whether anything arrived, pongs included, or nothing could arrive because our own side does not read. */
  readonly heard: boolean;
  /** Whether bytes of the run arrived, or could not because our own side does not read. */
  readonly heardFarSide: boolean;
};

/** State over the life of one connection. */
export class Keepalive {
  readonly #silence: SilenceLimits | undefined;
  readonly #openedAt: number;
  #lastTickAt: number;
  #farSideHeardAt: number;
  #ticks = 0;
  /** Ticks without a sign of life since a ping was sent; -1 while no ping is unanswered. */
  #unanswered = -1;

  constructor(nowMs: number, silence?: SilenceLimits) {
    this.#silence = silence;
    this.#openedAt = nowMs;
    this.#lastTickAt = nowMs;
    this.#farSideHeardAt = nowMs;
  }

  tick({ nowMs, heard, heardFarSide }: Observation): KeepaliveStep {
    const slept = nowMs - this.#lastTickAt > SLEPT_MS;
    this.#lastTickAt = nowMs;
    this.#ticks += 1;
    if (heardFarSide || slept) this.#farSideHeardAt = nowMs;
    if (heard || slept) this.#unanswered = -1;
    else if (this.#unanswered >= 0) this.#unanswered += 1;
    if (this.#unanswered >= TICKS_PER_PING) return "peer-dead";
    if (this.#isFarSideSilent(nowMs)) return "far-side-silent";
    if (!slept && this.#ticks % TICKS_PER_PING !== 0) return "nothing";
    this.#unanswered = Math.max(this.#unanswered, 0);
    return "ping";
  }

  #isFarSideSilent(nowMs: number): boolean {
    if (this.#silence === undefined || nowMs - this.#openedAt < this.#silence.afterMs) return false;
    return nowMs - this.#farSideHeardAt >= this.#silence.limitMs;
  }
}
