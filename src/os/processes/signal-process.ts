// Sends a signal and tells apart "gone" from "not allowed".
import { AuthError, systemErrorCode } from "../../domain/errors.ts";

/** Signals a process whose identity the caller has checked just now; false when it is gone. */
export function signalProcess(pid: number, signal: "terminate" | "kill"): boolean {
  try {
    return process.kill(pid, signal === "kill" ? "SIGKILL" : "SIGTERM");
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return false;
    throw notPermitted(pid, error);
  }
}

/** The error for a process that the system protects from us. */
export function notPermitted(pid: number, cause?: unknown): AuthError {
  return new AuthError(`Cannot signal process ${pid}: the system forbids it`, {
    code: "not-permitted",
    hint: "Run the command as the user who owns the process",
    cause,
  });
}
