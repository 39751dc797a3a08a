// The record of the tunnel that this process serves: kept in memory, written as a whole at every change, in order.
import { InterruptedError } from "../domain/errors.ts";
import type { TunnelRecord } from "../registry/record.ts";
import type { Registry } from "../registry/store.ts";

/** The only writer of one record while its process lives. */
export class OwnRecord {
  readonly #registry: Registry;
  #record: TunnelRecord;
  #isRemoved = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(record: TunnelRecord, registry: Registry) {
    this.#record = record;
    this.#registry = registry;
  }

  get value(): TunnelRecord {
    return this.#record;
  }

  /** Changes fields and resolves when the change is on disk. Rejects once the record was removed: whoever still works on
   * the tunnel must not bring it back. */
  async update(changes: Partial<TunnelRecord>): Promise<void> {
    if (this.#isRemoved) throw new InterruptedError("The tunnel has ended");
    this.#record = { ...this.#record, ...changes };
    const written = this.#writing.then(() => this.#registry.write(this.#record));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** Writes the record again where somebody removed it: a tunnel that no command sees cannot be stopped. True if so. */
  async restore(): Promise<boolean> {
    await this.#writing;
    if (this.#isRemoved || (await this.#registry.has(this.#record.id))) return false;
    await this.update({});
    return true;
  }

  /** Removes the record from the registry, after all writes. */
  async remove(): Promise<void> {
    this.#isRemoved = true;
    await this.#writing;
    await this.#registry.remove(this.#record.id);
  }
}
