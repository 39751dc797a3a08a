// Every error this program throws on purpose: what happened, where on the way, what to do next, and the exit code.

/** The place on the way from the local port to the run where something failed; printed, and stable in `--json`. */
export type Hop =
  | "local-port"
  | "dns"
  | "api"
  | "api-login"
  | "proxy-tcp"
  | "proxy-login"
  | "tls"
  | "jump-host"
  | "run-state"
  | "remote-port"
  | "ssh-banner"
  | "ssh-login"
  | "ssh-key";

/** Every hop, for decoders. */
export const HOPS: readonly Hop[] = [
  "local-port",
  "dns",
  "api",
  "api-login",
  "proxy-tcp",
  "proxy-login",
  "tls",
  "jump-host",
  "run-state",
  "remote-port",
  "ssh-banner",
  "ssh-login",
  "ssh-key",
];

/** Codes of errors that say that a run is over for good, so that a tunnel to it has nothing left to do. */
const RUN_OVER_CODES: readonly string[] = ["run-ended", "run-not-found"];

/** Whether the error says that the run is over for good. */
export function isRunOver(error: unknown): boolean {
  return error instanceof AppError && RUN_OVER_CODES.includes(error.code);
}

/** Codes of errors that say that this machine has no network now: asleep a moment ago, between two networks, no VPN yet. */
const OFFLINE_CODES: readonly string[] = ["network-unreachable", "dns-failed"];

/** Whether the error says that this machine has no network now. */
export function isOffline(error: unknown): boolean {
  return error instanceof AppError && OFFLINE_CODES.includes(error.code);
}

/** What an error carries besides its message. */
export type ErrorDetails = {
  /** Stable, kebab-case name of the failure, the same in messages, logs and `--json`. */
  readonly code?: string;
  readonly hop?: Hop;
  /** What to do next, best a command to paste. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** False when trying again without a change cannot help (an ended run, a refused login). */
  readonly transient?: boolean;
};

/** Base of all deliberate errors. The message names the action and the state found. */
export abstract class AppError extends Error {
  abstract readonly exitCode: number;
  readonly code: string;
  readonly hop: Hop | undefined;
  readonly hint: string | undefined;
  readonly transient: boolean;

  constructor(message: string, details: ErrorDetails & { readonly code: string; readonly transient: boolean }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.hop = details.hop;
    this.hint = details.hint;
    this.transient = details.transient;
  }
}

/** The command line or a configuration file says something we cannot do. */
export class UsageError extends AppError {
  readonly exitCode = 2;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "usage", transient: false, ...details });
  }
}

/** Something already holds what was asked for: a port, a tunnel, a lock. */
export class ConflictError extends AppError {
  readonly exitCode = 3;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "conflict", transient: false, ...details });
  }
}

/** Credentials are missing, expired or refused, or the platform forbids what was asked. */
export class AuthError extends AppError {
  readonly exitCode = 4;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "refused", transient: false, ...details });
  }
}

/** The run, tunnel or file that was named does not exist. */
export class NotFoundError extends AppError {
  readonly exitCode = 5;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "not-found", transient: false, ...details });
  }
}

/** A hop on the way to the run cannot be reached, or what answers there cannot be used. */
export class UnreachableError extends AppError {
  readonly exitCode = 6;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "unreachable", transient: true, ...details });
  }
}

/** A deadline passed. */
export class TimeoutError extends AppError {
  readonly exitCode = 6;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "timeout", transient: true, ...details });
  }
}

/** The local machine refuses: disk full, folder not writable, program missing. */
export class LocalError extends AppError {
  readonly exitCode = 1;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "local", transient: false, ...details });
  }
}

/** A failure that another process of ours met and wrote down; keeps that process's words and exit code. */
export class CarriedError extends AppError {
  readonly exitCode: number;
  constructor(message: string, exitCode: number, details: ErrorDetails) {
    super(message, { code: "failed", transient: false, ...details });
    this.exitCode = exitCode;
  }
}

/** The user or a signal asked us to stop. */
export class InterruptedError extends AppError {
  readonly exitCode = 130;
  constructor(message = "Interrupted", details: ErrorDetails = {}) {
    super(message, { code: "interrupted", transient: false, ...details });
  }
}

/** Whether another try may help; errors that are not ours count as bugs and are not retried. */
export function isTransient(error: unknown): boolean {
  return error instanceof AppError && error.transient;
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ECONNREFUSED`), where the thrown value has one. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
