// Looks at one thing after the other, takes the time, and tells each verdict as soon as it is there.
import { type Check, type CheckName, type CheckState, failedCheck } from "../../domain/check.ts";
import type { Clock } from "../../domain/clock.ts";
import { InterruptedError } from "../../domain/errors.ts";

/** What a look has found, and what the next looks need of it. */
export type Finding<T> = {
  readonly value: T;
  readonly message: string;
  /** Default `ok`. */
  readonly state?: Exclude<CheckState, "failed">;
  readonly hint?: string;
};

/** Collects verdicts. */
export class Examination {
  readonly checks: Check[] = [];
  readonly #clock: Clock;
  readonly #onStart: (what: string) => void;
  readonly #onCheck: (check: Check) => void;

  constructor(clock: Clock, onStart: (what: string) => void, onCheck: (check: Check) => void) {
    this.#clock = clock;
    this.#onStart = onStart;
    this.#onCheck = onCheck;
  }

  /** Looks. What the work throws is the verdict, but for an interruption. Undefined where the look failed; `isOptional`
   * makes that a warning. */
  async look<T>(
    name: CheckName,
    subject: string,
    work: () => Promise<Finding<T>>,
    isOptional = false,
  ): Promise<T | undefined> {
    const startedMs = this.#clock.monotonicMs();
    this.#onStart(`${name}: ${subject}`);
    try {
      const { hint, message, state, value } = await work();
      const tookMs = this.#clock.monotonicMs() - startedMs;
      this.tell({ name, subject, state: state ?? "ok", message, tookMs, ...(hint === undefined ? {} : { hint }) });
      return value;
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      const check = failedCheck(name, subject, error);
      const tookMs = this.#clock.monotonicMs() - startedMs;
      this.tell({ ...check, ...(isOptional ? { state: "warning" } : {}), tookMs });
      return undefined;
    }
  }

  /** A verdict that took no look. */
  tell(check: Check): void {
    this.checks.push(check);
    this.#onCheck(check);
  }
}
