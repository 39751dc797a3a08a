// Chance that can be had again: the same seed gives the same order.

/** A linear congruential generator: plenty for choosing what to break next. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  roll(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  /** One of the items, or undefined where there are none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.roll(items.length)];
  }
}
