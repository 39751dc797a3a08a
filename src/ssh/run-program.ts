// Runs the small programs of the system that PuTTY and Windows need: reg.exe, icacls.

/** How a program ended and what it printed. */
export type ProgramResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end, without a shell. A program that cannot be started gives code 127. */
export type RunProgram = (command: readonly string[]) => Promise<ProgramResult>;

/** These programs answer in milliseconds; one that hangs must not hold up a tunnel. */
const TIMEOUT_MS = 15_000;

/** The real thing. */
export const runProgram: RunProgram = async (command) => {
  try {
    const child = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      windowsHide: true,
      timeout: TIMEOUT_MS,
    });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, stdout, stderr };
  } catch (error) {
    return { code: 127, stdout: "", stderr: error instanceof Error ? error.message : String(error) };
  }
};
