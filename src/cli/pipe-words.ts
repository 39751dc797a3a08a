// Words that scripts written for `pipe tunnel` hold and that mean nothing more here. Pure.

/** Its commands that are ours too. */
const COMMANDS = ["start", "stop", "list"];

/** Switches of one letter, which its users write together: `-sf`. */
const LETTERS: Readonly<Record<string, RegExp>> = { start: /^-[sdf]{2,}$/ };

/** The words as our parser takes them. `--noclean` goes, `--debug` is the log level, and joined letters are parted; so go
 * `-u USER` of `stop` and `list`, which ask no platform. */
export function translatePipeWords(words: readonly string[]): readonly string[] {
  const command = words.find((word) => !word.startsWith("-")) ?? "";
  if (!COMMANDS.includes(command)) return words;
  const translated: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (word === "--noclean") continue;
    if (word === "--debug") translated.push("--log-level=DEBUG");
    else if (LETTERS[command]?.test(word) === true) translated.push(...Array.from(word.slice(1), (one) => `-${one}`));
    else if (command !== "start" && /^(?:-u|--user)$/.test(word)) index += 1;
    else if (command === "start" || !/^(?:-u|--user)=/.test(word)) translated.push(word);
  }
  return translated;
}
