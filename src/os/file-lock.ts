// A lock between processes, also of several machines on one NFS home. Never stale for long: a holder that was killed is
// found dead by PID, start time and boot, and its lock is broken by exactly one of those who wait.
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import { ConflictError } from "../domain/errors.ts";
import { removeIfExists } from "./atomic-file.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { localFileError } from "./file-errors.ts";
import { removeLeftovers } from "./leftovers.ts";
import {
  type FoundLock,
  isHeldHere,
  isStale,
  type LockParty,
  type MakeLink,
  readLock,
  release,
  tryTake,
} from "./lock-file.ts";

/** Who asks for the lock and how long it may wait. */
export type FileLockOptions = LockParty & {
  readonly clock: Clock;
  /** Default 20 s: a queue of twenty commands, each with a slow disk, gets through. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Replaced in tests to play a file system without hard links. */
  readonly makeLink?: MakeLink;
};

const DEFAULT_TIMEOUT_MS = 20_000;

/** First and longest wait between two looks: a section takes about a millisecond, and fifty may queue. */
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;

/** A breaker that died left a marker, the breaker of that marker another one, and so on; names have a limit. */
const MAX_DEPTH = 6;

/** Runs `work` while holding the lock file `path`, whose folder must exist. Not re-entrant. Throws ConflictError with
 * code `locked`, naming the holder, when the lock does not come free in time. */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  const nonce = await acquire(path, options);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // What went wrong inside matters more than a lock that dies with us.
    await release(path, nonce).catch(() => undefined);
    throw error;
  }
  await release(path, nonce).catch((error: unknown) => {
    throw localFileError("release the lock", path, error);
  });
  return result;
}

async function acquire(path: string, options: FileLockOptions): Promise<string> {
  const startMs = options.clock.monotonicMs();
  let broke = false;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    options.signal?.throwIfAborted();
    try {
      const step = await advance(path, options);
      if (step.kind === "taken") {
        if (broke) await sweep(path, step.nonce).catch(() => undefined);
        return step.nonce;
      }
      broke ||= step.kind === "broke";
      const waitedMs = options.clock.monotonicMs() - startMs;
      if (waitedMs >= (options.timeoutMs ?? DEFAULT_TIMEOUT_MS)) throw lockedError(path, waitedMs, step.lock);
      if (step.kind === "broke") continue;
    } catch (error) {
      throw localFileError("lock", path, error);
    }
    // Half of it random: those who wait must not look in step.
    await options.clock.sleep(waitMs * (0.5 + Math.random() / 2), options.signal);
  }
}

type Step =
  | { readonly kind: "taken"; readonly nonce: string }
  | { readonly kind: "broke" | "wait"; readonly lock?: FoundLock };

async function advance(path: string, options: FileLockOptions): Promise<Step> {
  const seen = await retryWhileBusy(() => readLock(path));
  if (seen !== undefined && isHeldHere(seen, options)) return { kind: "wait", lock: seen };
  const attempt = await tryTake(path, options, options.makeLink);
  if (attempt.kind === "taken") return attempt;
  if (attempt.kind === "unclear") return { kind: "wait" };
  if (!isStale(attempt.lock, attempt.clockMs, options)) return { kind: "wait", lock: attempt.lock };
  const broke = await breakLock(path, attempt.lock.nonce, options, 0);
  return { kind: broke ? "broke" : "wait", lock: attempt.lock };
}

/** Removes a dead holder's lock. Between reading who holds a lock and removing it others may have done both and taken it
 * anew, so whoever removes must own the marker of that dead holder, itself a lock of the same kind. */
async function breakLock(path: string, deadNonce: string, options: FileLockOptions, depth: number): Promise<boolean> {
  const marker = `${path}.dead-${deadNonce}`;
  const attempt = await tryTake(marker, options, options.makeLink);
  if (attempt.kind === "unclear" || depth === MAX_DEPTH) return false;
  if (attempt.kind === "held") {
    if (!isStale(attempt.lock, attempt.clockMs, options)) return false;
    return await breakLock(marker, attempt.lock.nonce, options, depth + 1);
  }
  try {
    const current = await retryWhileBusy(() => readLock(path));
    if (current?.nonce === deadNonce) await removeIfExists(path);
    return true;
  } finally {
    await release(marker, attempt.nonce);
  }
}

/** Clears what killed processes left beside the lock. Markers of former holders guard nothing: a nonce never returns.
 * Only the lock's holder may do this. */
async function sweep(path: string, ownNonce: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  await removeLeftovers(dirname(path), prefix);
  for (const name of await readdir(dirname(path))) {
    const isMarker = name.startsWith(`${prefix}dead-`) && !name.startsWith(`${prefix}dead-${ownNonce}`);
    if (isMarker) await unlink(join(dirname(path), name)).catch(() => undefined);
  }
}

function lockedError(path: string, waitedMs: number, lock: FoundLock | undefined): ConflictError {
  const holder = lock?.holder;
  const who =
    holder === undefined ? "another process holds it" : `held by process ${holder.pid} on machine "${holder.machine}"`;
  return new ConflictError(`Cannot lock "${path}" within ${Math.round(waitedMs)} ms: ${who}`, {
    code: "locked",
    transient: true,
    hint:
      holder === undefined
        ? "Try again; another command is at work"
        : `Try again when the command of process ${holder.pid} has ended`,
  });
}
