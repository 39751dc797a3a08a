// Questions on the terminal. They go to stderr: stdout is for answers. The library is loaded with the first question.
import type { Choice, Prompts, TextQuestion } from "./cli/prompts.ts";
import { InterruptedError } from "./domain/errors.ts";

/** Lines of a list that are seen at once; longer ones scroll. */
const VISIBLE_CHOICES = 10;

const DEFAULT_COLUMNS = 80;

/** What the list draws around a choice. */
const FRAME_COLUMNS = 6;

/** Questions until the signal ends them, or the terminal is gone. */
export function terminalPrompts(signal: AbortSignal): Prompts {
  const common = { output: process.stderr, signal };
  return {
    get width() {
      return (process.stderr.columns ?? DEFAULT_COLUMNS) - FRAME_COLUMNS;
    },
    choose: async (message, choices) => {
      const { select } = await import("@clack/prompts");
      const options = optionsOf(choices);
      return answered<string>(
        await attended(signal, select({ ...common, message, maxItems: VISIBLE_CHOICES, options })),
      );
    },
    search: async (message, choices) => {
      const { autocomplete } = await import("@clack/prompts");
      const options = optionsOf(choices);
      return answered<string>(
        await attended(signal, autocomplete({ ...common, message, maxItems: VISIBLE_CHOICES, options })),
      );
    },
    text: async ({ message, fallback, check }) => {
      const { text } = await import("@clack/prompts");
      const hint = fallback === undefined ? {} : { placeholder: fallback, defaultValue: fallback };
      return answered<string>(
        await attended(signal, text({ ...common, ...hint, message, validate: checkWith(check, fallback) })),
      ).trim();
    },
    secret: async ({ message, check }) => {
      const { password } = await import("@clack/prompts");
      return answered<string>(
        await attended(signal, password({ ...common, message, validate: checkWith(check, undefined) })),
      ).trim();
    },
    confirm: async (message) => {
      const { confirm } = await import("@clack/prompts");
      return answered<boolean>(await attended(signal, confirm({ ...common, message })));
    },
  };
}

/** The library waits for ever at a terminal that was closed, and does not hear the signal any more either. */
async function attended<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  const gone = Promise.withResolvers<never>();
  const leave = (): void => gone.reject(new InterruptedError("Nothing was chosen"));
  signal.addEventListener("abort", leave);
  process.stdin.on("end", leave);
  try {
    return await Promise.race([answer, gone.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
    process.stdin.off("end", leave);
  }
}

function optionsOf(choices: readonly Choice[]): { value: string; label: string; hint?: string }[] {
  return choices.map((choice) => ({ ...choice }));
}

function checkWith(
  check: TextQuestion["check"],
  fallback: string | undefined,
): (answer: string | undefined) => string | undefined {
  return (answer) => check?.((answer ?? "").trim() || (fallback ?? ""));
}

/** The library answers with a symbol when somebody gives up. */
function answered<T extends string | boolean>(answer: T | symbol): T {
  if (typeof answer === "symbol") throw new InterruptedError("Nothing was chosen");
  return answer;
}
