// A PID alone identifies nothing: numbers are used again. A process is its PID, its start and the boot it lives in.

/** Identity of a process on one machine. */
export type ProcessIdentity = {
  readonly pid: number;
  /** Start time in the finest unit the system tells (clock ticks since boot on Linux, file time on Windows); text, only
   * ever compared for equality. */
  readonly startedAt: string;
  /** Identity of the boot; another boot means the process is gone. Empty where the system tells none. */
  readonly bootId: string;
};

/** Whether both name the same process. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startedAt === other.startedAt && one.bootId === other.bootId;
}

/** Whether a value read from outside has the shape of an identity. */
export function isProcessIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startedAt, bootId } = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof startedAt === "string" && typeof bootId === "string";
}
