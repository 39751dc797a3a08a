// What looking at one hop of the way to a run has shown, and what a row of such looks comes to.
import { AppError, errorMessage } from "./errors.ts";

/** `skipped`: there was nothing to look at. */
export type CheckState = "ok" | "warning" | "failed" | "skipped";

/** Every check, in the order of the way. */
export type CheckName =
  | "version"
  | "configuration"
  | "files"
  | "platform"
  | "credentials"
  | "api-dns"
  | "api-connect"
  | "api"
  | "clock"
  | "run-state"
  | "route-dns"
  | "route-connect"
  | "remote-port"
  | "tunnel"
  | "local-port"
  | "ssh-client"
  | "ssh-config"
  | "ssh-host-key"
  | "ssh-login";

/** What people call them. */
export const CHECK_TITLES: Readonly<Record<CheckName, string>> = {
  version: "Version",
  configuration: "Configuration",
  files: "Files",
  platform: "Platform",
  credentials: "Credentials",
  "api-dns": "API's name",
  "api-connect": "Way to the API",
  api: "API",
  clock: "Clock",
  "run-state": "Run",
  "route-dns": "Name on the way",
  "route-connect": "Way to the run",
  "remote-port": "Remote port",
  tunnel: "Tunnel",
  "local-port": "Local port",
  "ssh-client": "SSH client",
  "ssh-config": "SSH alias",
  "ssh-host-key": "Host key",
  "ssh-login": "SSH login",
};

/** One hop. Code, hop, hint and exit code are those of the error that a start would end with. */
export type Check = {
  readonly name: CheckName;
  /** What was looked at: a platform, a tunnel, a port. */
  readonly subject: string;
  readonly state: CheckState;
  readonly message: string;
  /** Milliseconds; absent where nothing was waited for. */
  readonly tookMs?: number;
  readonly code?: string;
  readonly hop?: string;
  readonly hint?: string;
  readonly exitCode?: number;
};

/** A check that failed with this error. */
export function failedCheck(name: CheckName, subject: string, error: unknown): Check {
  const known = error instanceof AppError ? error : undefined;
  return {
    name,
    subject,
    state: "failed",
    message: errorMessage(error),
    code: known?.code ?? "internal",
    exitCode: known?.exitCode ?? 1,
    ...(known?.hop === undefined ? {} : { hop: known.hop }),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
  };
}

/** The exit code of the first hop that failed; 0 where none did. */
export function exitCodeOf(checks: readonly Check[]): number {
  return checks.find(({ state }) => state === "failed")?.exitCode ?? 0;
}
