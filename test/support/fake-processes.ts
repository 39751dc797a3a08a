// Processes that live and die when told to.
import { isSameProcess, type ProcessIdentity } from "../../src/domain/process-identity.ts";
import type { ProcessDescription, Processes } from "../../src/os/processes/processes.ts";
import { makeIdentity } from "./specs.ts";

/** A machine of processes without any real one. We are process 100 of user `ada` on machine `desk`. */
export class FakeProcesses implements Processes {
  readonly signals: { readonly pid: number; readonly signal: string }[] = [];
  readonly #living = new Map<number, ProcessIdentity>();
  readonly #self: ProcessIdentity;

  constructor(...living: readonly ProcessIdentity[]) {
    this.#self = makeIdentity(100);
    for (const identity of [this.#self, ...living]) this.#living.set(identity.pid, identity);
  }

  self(): ProcessIdentity {
    return this.#self;
  }

  find(pid: number): ProcessIdentity | undefined {
    return this.#living.get(pid);
  }

  isAlive(identity: ProcessIdentity): boolean {
    const found = this.find(identity.pid);
    return found !== undefined && isSameProcess(found, identity);
  }

  signal(identity: ProcessIdentity, signal: "terminate" | "kill"): boolean {
    if (!this.isAlive(identity)) return false;
    this.signals.push({ pid: identity.pid, signal });
    if (signal === "kill") this.#living.delete(identity.pid);
    return true;
  }

  describe(pid: number): ProcessDescription | undefined {
    return this.#living.has(pid) ? { command: "sleep", owner: "ada" } : undefined;
  }

  currentUser(): string {
    return "ada";
  }

  machine(): string {
    return "desk";
  }
}
