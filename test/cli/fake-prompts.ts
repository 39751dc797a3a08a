// A person at the terminal for tests: answers in order, and what was asked.
import type { Choice, Prompts } from "../../src/cli/prompts.ts";

/** Prompts that take their answers from a list; `asked` holds every question, `offered` the choices of the last list. */
export type FakePrompts = Prompts & { readonly asked: string[]; offered: readonly Choice[] };

/** An empty text is Enter alone: the fallback, where there is one. */
export function fakePrompts(...answers: readonly (string | boolean)[]): FakePrompts {
  const left = [...answers];
  const next = (message: string): string | boolean => {
    prompts.asked.push(message);
    const answer = left.shift();
    if (answer === undefined) throw new Error(`Nobody answers "${message}"`);
    return answer;
  };
  const pick = async (message: string, choices: readonly Choice[]): Promise<string> => {
    prompts.offered = choices;
    const answer = String(next(message));
    if (!choices.some(({ value }) => value === answer)) throw new Error(`"${answer}" is not offered`);
    return answer;
  };
  const prompts: FakePrompts = {
    width: 74,
    asked: [],
    offered: [],
    choose: pick,
    search: pick,
    text: async ({ message, fallback, check }) => {
      const answer = String(next(message)) || (fallback ?? "");
      const problem = check?.(answer);
      if (problem !== undefined) throw new Error(problem);
      return answer;
    },
    secret: async ({ message, check }) => {
      const answer = String(next(message));
      const problem = check?.(answer);
      if (problem !== undefined) throw new Error(problem);
      return answer;
    },
    confirm: async (message) => next(message) === true,
  };
  return prompts;
}
