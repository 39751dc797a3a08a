// Fenced blocks of Markdown, with the words behind the language: `sh` is run by test/docs/guides.test.ts, `sh parse` is
// only parsed (another system's commands, questions on a terminal, addresses that do not exist), `toml FILE` is written
// to that file for the commands that follow.

/** One fenced block. */
export type Block = {
  readonly language: string;
  /** Words behind the language. */
  readonly words: readonly string[];
  readonly text: string;
  /** Of the fence, from 1. */
  readonly line: number;
  /** The last heading above it. */
  readonly heading: string;
};

/** All blocks of a document, in order. */
export function findBlocks(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { readonly info: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of markdown.split(/\r?\n/).entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      if (open !== undefined) open.lines.push(line);
      else if (line.startsWith("#")) heading = line;
    } else if (open === undefined) open = { info: fence[1] ?? "", line: index + 1, lines: [] };
    else {
      const [language = "", ...words] = open.info.trim().split(/\s+/);
      blocks.push({ language, words, text: open.lines.join("\n"), line: open.line, heading });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`The block in line ${open.line} does not end`);
  return blocks;
}
