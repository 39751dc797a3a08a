// A platform's context for tests: settings and environment as plain objects, a log that can be read back.
import type { Clock } from "../../src/domain/clock.ts";
import { type Log, SILENT_LOG } from "../../src/domain/log.ts";
import type { PlatformContext, ResolveOptions } from "../../src/platforms/platform.ts";

/** What a test wants to differ from an empty machine. */
export type ContextWishes = {
  readonly settings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly homeFolder?: string;
  readonly log?: Log;
  readonly now?: number;
};

/** Moment at which test contexts live unless told otherwise. */
export const NOW = Date.UTC(2024, 9, 24, 10);

/** A context in which sleeping takes no time and nothing is configured. */
export function makeContext(wishes: ContextWishes = {}): PlatformContext {
  return {
    settings: {
      find: (key) => {
        const value = wishes.settings?.[key];
        return value === undefined ? undefined : { value, source: `test setting ${key}` };
      },
    },
    environment: wishes.environment ?? {},
    homeFolder: wishes.homeFolder ?? "/nonexistent",
    log: wishes.log ?? SILENT_LOG,
    clock: hastyClock(wishes.now ?? NOW),
  };
}

/** Options of a resolve as a plain start gives them. */
export function makeOptions(wishes: Partial<ResolveOptions> = {}): ResolveOptions {
  return { direct: false, identityGiven: false, signal: new AbortController().signal, ...wishes };
}

/** A clock whose sleeps end at once. */
export function hastyClock(now = NOW): Clock {
  return {
    now: () => now,
    monotonicMs: () => 0,
    sleep: async (_ms, signal) => signal?.throwIfAborted(),
  };
}

/** What a promise was rejected with; fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("The promise was not rejected");
}

/** A log that keeps its lines, for tests that look for secrets in them. */
export function keepingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, fields?: object): void => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  return { lines, debug: keep, info: keep, warning: keep, error: keep };
}
