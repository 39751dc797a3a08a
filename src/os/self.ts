// How to run this very program again: compiled it is one file, in development it is Bun and a script.

/** The command that starts this program, to be followed by its arguments. */
export function selfCommand(): readonly string[] {
  return Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
}
