// Command lines as documents show them, taken apart as a POSIX shell would.
import { type ParseEntry, parse } from "shell-quote";

/** The words behind the program's name in every command of a line that calls it, also inside quotes and behind `--`. */
export function callsOf(program: string, line: string): readonly (readonly string[])[] {
  return splitCommands(line).flatMap((command) => callsIn(program, command));
}

function callsIn(program: string, command: readonly string[]): readonly (readonly string[])[] {
  const words = command.slice(command.findIndex((word) => !/^\w+=\S*$/.test(word)));
  if (words[0] === program) {
    const dashes = words.indexOf("--");
    return [words.slice(1), ...(dashes < 0 ? [] : callsIn(program, words.slice(dashes + 1)))];
  }
  return words.flatMap((word) => {
    const at = word.indexOf(`${program} `);
    return at < 0 ? [] : callsOf(program, word.slice(at).replace(/\)$/, ""));
  });
}

/** The simple commands of a line, in order: what pipes, `&&` and `;` join is apart; comments and redirections are left
 * out. Variables stay as they are written. */
function splitCommands(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let isTarget = false;
  for (const entry of parse(line, (name) => `$${name}`)) {
    const word = wordOf(entry);
    if (word !== undefined) {
      if (!isTarget) commands.at(-1)?.push(word);
      isTarget = false;
    } else if (typeof entry === "object" && "op" in entry) {
      isTarget = /[<>]/.test(entry.op);
      if (!isTarget) commands.push([]);
    }
  }
  return commands.filter((command) => command.length > 0);
}

function wordOf(entry: ParseEntry): string | undefined {
  if (typeof entry === "string") return entry;
  return "op" in entry && entry.op === "glob" ? entry.pattern : undefined;
}
