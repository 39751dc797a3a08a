// How to run this very program again: compiled it is one file, in development it is Bun and a script.

/** What Linux appends to the path of a running program whose file was replaced: an upgrade in place. */
const REPLACED_MARK = / \(deleted\)$/;

/** The command that starts this program, to be followed by its arguments. After an upgrade in place: the new one. */
export function selfCommand(): readonly string[] {
  const program = process.execPath.replace(REPLACED_MARK, "");
  return Bun.isStandaloneExecutable ? [program] : [program, Bun.main];
}
