// What a starting tunnel is at, in its record, for whoever waits for it: the step, and its last try that failed.
import { errorMessage } from "../domain/errors.ts";
import type { Log, LogFields } from "../domain/log.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { OwnRecord } from "./own-record.ts";

/** Keeps the record's phase while the tunnel starts. */
export class StartPhase {
  /** The log for all work of the tunnel: tries that fail, which have a field `attempt`, are told in the record too. */
  readonly log: Log;
  readonly #record: OwnRecord;
  #step: string | undefined;

  constructor(record: OwnRecord, log: Log) {
    this.#record = record;
    this.log = {
      debug: (message, fields) => log.debug(message, fields),
      info: (message, fields) => {
        log.info(message, fields);
        this.#tell(message, fields);
      },
      warning: (message, fields) => {
        log.warning(message, fields);
        this.#tell(message, fields);
      },
      error: (message, fields) => log.error(message, fields),
    };
  }

  /** Begins a step, with other changes of the record. */
  enter(step: string, changes: Partial<TunnelRecord> = {}): Promise<void> {
    this.#step = step;
    return this.#record.update({ ...changes, phase: step });
  }

  /** The tunnel is up: nothing is told from now on. */
  end(): void {
    this.#step = undefined;
  }

  #tell(message: string, fields: LogFields | undefined): void {
    if (this.#step === undefined || fields?.["attempt"] === undefined) return;
    const phase = `${this.#step}; try ${fields["attempt"]} of ${fields["of"]} failed: ${message}`;
    this.#record.update({ phase }).catch((error: unknown) => {
      this.log.debug(`Cannot write what the start is at: ${errorMessage(error)}`);
    });
  }
}
