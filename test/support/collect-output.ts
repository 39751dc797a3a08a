// All that a child process said, and how it ended.

/** Texts are whole; `exitCode` is 128 and the signal's number where a signal ended it, as shells count. */
export type CollectedOutput = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

/** Reads both streams of a child to their ends and waits for its own. */
export async function collectOutput(
  child: Bun.Subprocess<Bun.SpawnOptions.Writable, "pipe", "pipe">,
): Promise<CollectedOutput> {
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}
