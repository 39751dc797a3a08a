// The registry: one record file per tunnel in one folder, which may lie on NFS and be shared by several machines.
import { readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import { AppError, errorMessage, LocalError, systemErrorCode } from "../domain/errors.ts";
import type { ProcessIdentity } from "../domain/process-identity.ts";
import { ensurePrivateFolder, readTextIfExists, removeIfExists, replaceFile } from "../os/atomic-file.ts";
import { localFileError } from "../os/file-errors.ts";
import { withFileLock } from "../os/file-lock.ts";
import { removeLeftovers } from "../os/leftovers.ts";
import type { Processes } from "../os/processes/processes.ts";
import { decodeRecord, encodeRecord, type TunnelRecord } from "./record.ts";

/** A record file that cannot be read as one. `newer`: because a newer runtunnel wrote it, so it is none of our business;
 * `unreadable`: the system would not let us read it, so what is in it may well be sound. */
export type DamagedRecord = {
  readonly path: string;
  readonly message: string;
  readonly newer: boolean;
  readonly unreadable: boolean;
};

/** Everything in the registry at one moment. */
export type RegistryContent = { readonly records: readonly TunnelRecord[]; readonly damaged: readonly DamagedRecord[] };

/** Whether a tunnel's process lives; `starting`: only its launcher does; `elsewhere`: on another machine, unknown. */
export type Liveness = "alive" | "starting" | "dead" | "elsewhere";

const RECORD_ENDING = ".json";

/** Errors that tell of the file itself, not of a disk, a server or a right that is missing for now. */
const DAMAGE_CODES: readonly string[] = ["record-damaged", "too-large", "not-a-file"];

/** A record is a few kilobytes; anything larger is not one. */
const MAX_RECORD_BYTES = 1024 * 1024;

/** Running tunnels on disk. Holds nothing in memory; every call looks at the files. */
export class Registry {
  readonly #folder: string;
  readonly #processes: Processes;
  readonly #clock: Clock;

  constructor(options: { readonly stateFolder: string; readonly processes: Processes; readonly clock: Clock }) {
    this.#folder = join(options.stateFolder, "tunnels");
    this.#processes = options.processes;
    this.#clock = options.clock;
  }

  /** All records, oldest first. A registry that was never used is empty. */
  async list(): Promise<RegistryContent> {
    const records: TunnelRecord[] = [];
    const damaged: DamagedRecord[] = [];
    for (const name of await this.#recordNames()) {
      try {
        const record = await this.find(name.slice(0, -RECORD_ENDING.length));
        if (record !== undefined) records.push(record);
      } catch (error) {
        const code = error instanceof AppError ? error.code : "";
        const newer = code === "record-newer";
        const unreadable = !newer && !DAMAGE_CODES.includes(code);
        damaged.push({ path: join(this.#folder, name), message: errorMessage(error), newer, unreadable });
      }
    }
    records.sort((one, other) => one.createdAt - other.createdAt || one.id.localeCompare(other.id));
    return { records, damaged };
  }

  /** When a record was last written, added or removed, milliseconds since 1970 by the file system's clock; for those who
   * look often and want to read only what changed. Undefined before the first. */
  async changedAt(): Promise<number | undefined> {
    try {
      return (await stat(this.#folder)).mtimeMs;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The record, or undefined when it is gone. Throws LocalError when it is damaged. */
  async find(id: string): Promise<TunnelRecord | undefined> {
    const path = this.#path(id);
    const text = await readTextIfExists(path, MAX_RECORD_BYTES);
    if (text === undefined) return undefined;
    const record = decodeRecord(text, path);
    if (record.id === id) return record;
    // A copy of another record: removing it would remove the wrong file.
    throw new LocalError(`Cannot read record "${path}": it holds tunnel "${record.id}"`, { code: "record-damaged" });
  }

  /** Writes the record as a whole, atomically. */
  async write(record: TunnelRecord): Promise<void> {
    await this.#ensureFolder();
    await replaceFile(this.#path(record.id), encodeRecord(record), { mode: 0o600 });
  }

  /** Removes the record and what was being written of it; gone already is fine. */
  async remove(id: string): Promise<void> {
    await removeIfExists(this.#path(id));
    await removeLeftovers(this.#folder, `.${id}${RECORD_ENDING}.`, Number.NEGATIVE_INFINITY);
  }

  /** Whether the record is still there. */
  async has(id: string): Promise<boolean> {
    return (await this.#recordNames()).includes(`${id}${RECORD_ENDING}`);
  }

  /** Takes away what is left of records that were never written to the end. Files of the last hour stay: their writer may live. */
  async sweep(): Promise<void> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    const known = new Set((await this.#recordNames()).map((name) => `.${name}.`));
    for (const name of names) {
      const prefix = /^(\..+\.json\.)[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
      if (prefix !== undefined && !known.has(prefix)) await removeLeftovers(this.#folder, prefix);
    }
    // Who asks for the lock can bear to have its file swept away: it asks again.
    await removeLeftovers(this.#folder, "lock.", Number.NEGATIVE_INFINITY);
  }

  /** Moves a damaged file out of the way, keeping it for whoever wants to look; false when another command was first. */
  async setAside(damaged: DamagedRecord): Promise<boolean> {
    try {
      await rename(damaged.path, `${damaged.path}.damaged`);
      return true;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw localFileError("set aside", damaged.path, error);
    }
  }

  /** Runs short work while no other command decides about tunnels. */
  async locked<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#ensureFolder();
    const processes = this.#processes;
    return withFileLock(
      join(this.#folder, "lock"),
      {
        self: processes.self(),
        isAlive: (identity: ProcessIdentity) => processes.isAlive(identity),
        machine: processes.machine(),
        clock: this.#clock,
        ...(signal === undefined ? {} : { signal }),
      },
      work,
    );
  }

  /** Whether the tunnel's process lives. */
  liveness(record: TunnelRecord): Liveness {
    const isAlive = this.#processes.isAlive(record.process ?? record.launcher);
    if (isAlive) return record.process === undefined ? "starting" : "alive";
    // Machines get other names when they change networks; a process with this number, start and boot is the same all the same.
    return record.machine === this.#processes.machine() ? "dead" : "elsewhere";
  }

  async #ensureFolder(): Promise<void> {
    await ensurePrivateFolder(this.#folder);
  }

  async #recordNames(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.#folder);
      return names.filter((name) => name.endsWith(RECORD_ENDING));
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return [];
      throw error;
    }
  }

  #path(id: string): string {
    return join(this.#folder, `${id}${RECORD_ENDING}`);
  }
}
