// Errors of the file system, turned into what happened, which file, and what to do about it.
import { AppError, errorMessage, LocalError, systemErrorCode } from "../domain/errors.ts";

/** Wraps whatever a file operation threw. `action` is a verb phrase: `Cannot ${action} "${path}"`. Our own errors pass. */
export function localFileError(action: string, path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const failure = describeFailure(systemErrorCode(error), action.startsWith("read"));
  return new LocalError(`Cannot ${action} "${path}": ${failure?.text ?? errorMessage(error)}`, {
    code: failure?.code ?? "local",
    ...(failure?.hint === undefined ? {} : { hint: failure.hint }),
    cause: error,
  });
}

/** Whether the error says that the path leads to nothing. */
export function isAbsent(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

type Failure = { readonly code: string; readonly text: string; readonly hint?: string };

function describeFailure(code: string | undefined, reading: boolean): Failure | undefined {
  switch (code) {
    case "ENOSPC":
      return { code: "disk-full", text: "no space left on the disk", hint: "Free some space, then try again" };
    case "EDQUOT":
      return { code: "disk-full", text: "your disk quota is used up", hint: "Remove some files, then try again" };
    case "EACCES":
    case "EPERM":
      return reading
        ? { code: "not-readable", text: "permission denied", hint: "Check who owns the file and its mode" }
        : {
            code: "not-writable",
            text: "permission denied",
            hint: "Check who owns the file and its folder, and their modes",
          };
    case "EROFS":
      return {
        code: "not-writable",
        text: "the file system is read-only",
        hint: "Choose a folder that can be written",
      };
    case "ENOENT":
      return { code: "no-folder", text: "its folder does not exist" };
    case "ENOTDIR":
      return { code: "no-folder", text: "a part of the path is not a folder" };
    case "EISDIR":
      return { code: "not-a-file", text: "it is a folder" };
    case "ELOOP":
      return { code: "not-a-file", text: "its symbolic links form a loop" };
    default:
      return undefined;
  }
}
