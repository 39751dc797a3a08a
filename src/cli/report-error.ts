// Anything thrown -> what the user reads and the exit code.
import { AppError, errorMessage, InterruptedError } from "../domain/errors.ts";
import { oneLine } from "../domain/one-line.ts";

/** An error in words. */
export type ErrorReport = { readonly text: string; readonly json: string; readonly exitCode: number };

/** Renders an error; with `trace` its stack and causes come too. */
export function reportError(error: unknown, options: { readonly trace: boolean }): ErrorReport {
  const known = error instanceof AppError ? error : interruption(error);
  const message = errorMessage(known ?? error);
  const lines = [`error: ${oneLine(message)}`];
  if (known?.hint !== undefined) lines.push(`hint: ${oneLine(known.hint)}`);
  if (known === undefined)
    lines.push("hint: This is a bug in runtunnel; run the command again with --trace and report what it prints");
  if (options.trace) lines.push(...trace(error));
  const json = JSON.stringify({
    error: {
      code: known?.code ?? "internal",
      hop: known?.hop,
      message,
      hint: known?.hint,
      exitCode: known?.exitCode ?? 1,
    },
  });
  return { text: `${lines.join("\n")}\n`, json: `${json}\n`, exitCode: known?.exitCode ?? 1 };
}

/** An aborted signal throws an error of the runtime: the user's wish, not a bug. */
function interruption(error: unknown): InterruptedError | undefined {
  const isAbort = error instanceof DOMException && error.name === "AbortError";
  return isAbort ? new InterruptedError(undefined, { cause: error }) : undefined;
}

function trace(error: unknown): readonly string[] {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 10; depth += 1) {
    if (depth > 0) lines.push(`caused by: ${oneLine(errorMessage(current))}`);
    if (current instanceof Error) {
      lines.push(...(current.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at ")));
    }
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines;
}
