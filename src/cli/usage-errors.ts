// yargs's complaints in our words, with the nearest thing that exists. Pure.
import { UsageError } from "../domain/errors.ts";
import { didYouMean } from "./suggest.ts";

/** What can be named in a command line. */
export type Vocabulary = {
  /** `start <run>`, `stop [run]`, ... */
  readonly usages: readonly string[];
  /** Options of the command in question, without dashes. */
  readonly options: readonly string[];
};

const SEE_HELP = 'See "runtunnel --help", or --help behind a command';

/** A complaint of yargs about these words, as an error of ours. */
export function explainUsage(message: string, words: readonly string[], vocabulary: Vocabulary): UsageError {
  const names = vocabulary.usages.map(commandName);
  const command = words.find((word) => !word.startsWith("-"));
  if (command !== undefined && !names.includes(command)) {
    return new UsageError(`There is no command "${command}"`, { hint: didYouMean(command, names) ?? SEE_HELP });
  }
  const first = message.split("\n")[0] ?? message;
  const usage = vocabulary.usages.find((candidate) => commandName(candidate) === command);
  if (first.startsWith("Not enough non-option arguments") && usage !== undefined) {
    return new UsageError(`Something is missing: runtunnel ${usage}`, { hint: `See "runtunnel ${command} --help"` });
  }
  const choice = /Argument: ([\w-]+), Given: (.*), Choices: (.*)/.exec(message);
  if (choice !== null) {
    return new UsageError(`Cannot read --${choice[1]} ${choice[2]}`, { hint: `It can be: ${choice[3]}` });
  }
  const unknown = /^Unknown arguments?: (.+)$/.exec(first)?.[1]?.split(", ") ?? [];
  const [word] = unknown;
  if (word === undefined) return new UsageError(first, { hint: SEE_HELP });
  const option = words.map((given) => given.split("=")[0]).find((given) => given?.replace(/^--?/, "") === word);
  const isOption = option?.startsWith("-") === true;
  const shown = isOption ? `option ${option}` : `argument "${word}"`;
  return new UsageError(`Unknown ${shown}`, {
    hint: (isOption ? didYouMean(word, vocabulary.options, withDashes) : undefined) ?? SEE_HELP,
  });
}

/** Our names of one or two letters are short ones, and have one dash. */
function withDashes(option: string): string {
  return `${option.length > 2 ? "--" : "-"}${option}`;
}

function commandName(usage: string): string {
  return usage.split(" ")[0] ?? usage;
}
