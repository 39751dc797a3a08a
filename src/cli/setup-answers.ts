// The answers that `init` needs: from flags, standard input and the environment, and from a person for what is missing.
import { UsageError } from "../domain/errors.ts";
import type { Settings } from "../domain/setting.ts";
import type { SetupTarget } from "../tunnel/setup.ts";
import type { Arguments } from "./command.ts";
import { readText } from "./options.ts";
import type { Prompts } from "./prompts.ts";

type Question = SetupTarget["setup"]["questions"][number];

/** Answers by the key of their setting. */
export type Answers = ReadonlyMap<string, string>;

/** Where answers come from, in this order. */
export type AnswerSources = {
  readonly words: Arguments;
  /** The secret given on standard input. */
  readonly piped: string | undefined;
  /** Variables of the environment that hold settings count; what files hold does not. */
  readonly settings: Settings;
  /** Answers that did not work: everything is asked anew, and these are what an empty answer means. */
  readonly previous?: Answers;
  /** Absent where nobody can be asked. */
  readonly prompts?: Prompts;
};

/** All answers. Throws UsageError that names what is missing where nobody can be asked. */
export async function gatherAnswers(target: SetupTarget, sources: AnswerSources): Promise<Answers> {
  const answers = new Map<string, string>();
  const missing: Question[] = [];
  for (const question of target.setup.questions) {
    const { onlyIf } = question;
    if (onlyIf !== undefined && answers.get(onlyIf.key) !== onlyIf.value) continue;
    const given = givenAnswer(question, sources);
    if (given !== undefined) answers.set(question.key, checkAnswer(question, given));
    else if (sources.prompts !== undefined) answers.set(question.key, await ask(question, sources, sources.prompts));
    else if (question.choices?.[0] !== undefined) answers.set(question.key, question.choices[0].value);
    else missing.push(question);
  }
  if (missing.length > 0) throw tellMissing(target, missing);
  return answers;
}

/** The same questions as a person would answer them with nothing but what was found. */
export function completeAnswers(target: SetupTarget, found: ReadonlyMap<string, { reveal(): string }>): Answers {
  const answers = new Map<string, string>();
  for (const { key, onlyIf, choices } of target.setup.questions) {
    if (onlyIf !== undefined && answers.get(onlyIf.key) !== onlyIf.value) continue;
    const value = found.get(key)?.reveal() ?? choices?.[0]?.value;
    if (value !== undefined) answers.set(key, value);
  }
  return answers;
}

function givenAnswer(question: Question, sources: AnswerSources): string | undefined {
  const { words, piped, settings, previous } = sources;
  if (previous !== undefined) return undefined;
  const byFlag = question.flag === undefined ? undefined : readText(words, question.flag);
  if (byFlag !== undefined) return byFlag;
  if (question.isSecret && piped !== undefined) return piped;
  const setting = settings.find(question.key);
  return setting?.source.startsWith("environment ") === true ? setting.value : undefined;
}

function checkAnswer(question: Question, answer: string): string {
  const problem = problemOf(question, answer);
  if (problem === undefined) return answer.trim();
  const flag = question.flag === undefined ? "The secret" : `--${question.flag}`;
  throw new UsageError(`${flag}: ${problem}`, { hint: 'See "runtunnel init --help"' });
}

async function ask(question: Question, { settings, previous }: AnswerSources, prompts: Prompts): Promise<string> {
  const message = question.title;
  if (question.choices !== undefined) {
    return prompts.choose(
      message,
      question.choices.map(({ value, title }) => ({ value, label: value, hint: title })),
    );
  }
  const check = (answer: string): string | undefined => problemOf(question, answer);
  if (question.isSecret) return prompts.secret({ message, check });
  const fallback = previous?.get(question.key) ?? settings.find(question.key)?.value;
  return prompts.text({ message, check, ...(fallback === undefined ? {} : { fallback }) });
}

/** What is wrong with an answer, by its form alone. */
function problemOf({ choices, flag, isSecret }: Question, answer: string): string | undefined {
  const text = answer.trim();
  if (text === "") return "An answer is needed";
  if (choices !== undefined && !choices.some(({ value }) => value === text)) {
    return `It can be: ${choices.map(({ value }) => value).join(", ")}`;
  }
  if (flag === "url" && !isWebAddress(text)) return "Give a web address such as https://host.example";
  return isSecret && /\s/.test(text) ? "It holds blanks: paste it again" : undefined;
}

function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") && url.hostname !== "";
}

function tellMissing(target: SetupTarget, missing: readonly Question[]): UsageError {
  const flags = missing.map(({ flag }) => (flag === undefined ? "the secret on standard input" : `--${flag}`));
  const words = target.setup.questions.flatMap(({ flag, choices }) =>
    flag === undefined || choices !== undefined ? [] : [`--${flag} ...`],
  );
  const verb = flags.length === 1 ? "is" : "are";
  return new UsageError(`Cannot ask without a terminal, and ${flags.join(" and ")} ${verb} missing`, {
    code: "init-incomplete",
    hint: `Example: runtunnel init --platform ${target.name} ${words.join(" ")} --secret-stdin < secret.txt`,
  });
}
