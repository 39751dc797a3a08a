// The registry: one record file per tunnel in one folder, which may lie on NFS and be shared by several machines.
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import { AppError, errorMessage, systemErrorCode } from "../domain/errors.ts";
import type { ProcessIdentity } from "../domain/process-identity.ts";
import { ensurePrivateFolder, readTextIfExists, removeIfExists, replaceFile } from "../os/atomic-file.ts";
import { withFileLock } from "../os/file-lock.ts";
import type { Processes } from "../os/processes/processes.ts";
import { decodeRecord, encodeRecord, type TunnelRecord } from "./record.ts";

/** A record file that cannot be read as one; `newer`: because a newer runtunnel wrote it, so it is none of our business. */
export type DamagedRecord = { readonly path: string; readonly message: string; readonly newer: boolean };

/** Everything in the registry at one moment. */
export type RegistryContent = { readonly records: readonly TunnelRecord[]; readonly damaged: readonly DamagedRecord[] };

/** Whether a tunnel's process lives; `starting`: only its launcher does; `elsewhere`: on another machine, unknown. */
export type Liveness = "alive" | "starting" | "dead" | "elsewhere";

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
      const path = join(this.#folder, name);
      try {
        const text = await readTextIfExists(path, MAX_RECORD_BYTES);
        if (text !== undefined) records.push(decodeRecord(text, path));
      } catch (error) {
        const newer = error instanceof AppError && error.code === "record-newer";
        damaged.push({ path, message: errorMessage(error), newer });
      }
    }
    records.sort((one, other) => one.createdAt - other.createdAt || one.id.localeCompare(other.id));
    return { records, damaged };
  }

  /** The record, or undefined when it is gone. Throws LocalError when it is damaged. */
  async find(id: string): Promise<TunnelRecord | undefined> {
    const path = this.#path(id);
    const text = await readTextIfExists(path, MAX_RECORD_BYTES);
    return text === undefined ? undefined : decodeRecord(text, path);
  }

  /** Writes the record as a whole, atomically. */
  async write(record: TunnelRecord): Promise<void> {
    await this.#ensureFolder();
    await replaceFile(this.#path(record.id), encodeRecord(record), { mode: 0o600 });
  }

  /** Removes the record; gone already is fine. */
  async remove(id: string): Promise<void> {
    await removeIfExists(this.#path(id));
  }

  /** Moves a damaged file out of the way, keeping it for whoever wants to look. */
  async setAside(damaged: DamagedRecord): Promise<void> {
    await rename(damaged.path, `${damaged.path}.damaged`);
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
    if (record.machine !== this.#processes.machine()) return "elsewhere";
    if (record.process !== undefined) return this.#processes.isAlive(record.process) ? "alive" : "dead";
    return this.#processes.isAlive(record.launcher) ? "starting" : "dead";
  }

  async #ensureFolder(): Promise<void> {
    await ensurePrivateFolder(this.#folder);
  }

  async #recordNames(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.#folder);
      return names.filter((name) => name.endsWith(".json"));
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return [];
      throw error;
    }
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
