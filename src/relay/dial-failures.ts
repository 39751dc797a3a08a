// Tells the log of failing dials: once per streak and reason, not once per connection.
import { AppError, errorMessage } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";

/** The failures of one relay. */
export class DialFailures {
  readonly #log: Log;
  readonly #onFailure: ((error: unknown, remotePort: number) => void) | undefined;
  /** Code of the failure the log heard of; undefined while dials succeed. */
  #toldCode: string | undefined;
  #streak = 0;
  count = 0;

  constructor(log: Log, onFailure: ((error: unknown, remotePort: number) => void) | undefined) {
    this.#log = log;
    this.#onFailure = onFailure;
  }

  /** A dial failed. */
  failed(error: unknown, remotePort: number): void {
    this.count += 1;
    this.#streak += 1;
    const code = error instanceof AppError ? error.code : errorMessage(error);
    if (code !== this.#toldCode) {
      this.#toldCode = code;
      this.#log.warning(`Dial failed: ${errorMessage(error)}`, { remotePort, ...describe(error) });
    }
    this.#onFailure?.(error, remotePort);
  }

  /** A dial succeeded. */
  succeeded(): void {
    if (this.#toldCode === undefined) return;
    this.#log.info("Dials succeed again", { failed: this.#streak });
    this.#toldCode = undefined;
    this.#streak = 0;
  }
}

function describe(error: unknown): { readonly code?: string; readonly hop?: string; readonly hint?: string } {
  if (!(error instanceof AppError)) return {};
  const { code, hop, hint } = error;
  return { code, ...(hop === undefined ? {} : { hop }), ...(hint === undefined ? {} : { hint }) };
}
