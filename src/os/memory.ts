// Memory at rest: a tunnel idles for days, what its start needed should not stay with it.
import { readFileSync } from "node:fs";
import { openCLibrary } from "./c-library.ts";

/** MADV_DONTNEED of Linux: the pages are let go of, and read from their file again where they are needed. */
const DONT_NEED = 4;

/** Gives back what the garbage collector and the allocator hold but nobody uses, and on Linux the program's code, of which
 * a start goes through far more than a tunnel. Takes a few milliseconds. */
export function releaseMemory(): void {
  collectGarbage();
  if (process.platform === "linux") releaseCode();
}

/** Gives back what the garbage collector and the allocator hold but nobody uses. */
export function collectGarbage(): void {
  Bun.gc(true);
  Bun.shrink();
}

function releaseCode(): void {
  try {
    const regions = findCode(readFileSync("/proc/self/smaps", "latin1"));
    const { library } = openCLibrary({ madvise: { args: ["usize", "usize", "i32"], returns: "i32" } });
    for (const { start, sizeBytes } of regions) library.symbols.madvise(start, sizeBytes, DONT_NEED);
  } catch {
    // It is only about memory: without /proc or a C library the tunnel serves as well.
  }
}

/** Memory that holds code of a file and nothing else: no page of it was written to. `smaps` is the text of proc(5). */
export function findCode(smaps: string): readonly { readonly start: number; readonly sizeBytes: number }[] {
  const entries = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return entries.flatMap((entry) => {
    const range = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +\//.exec(entry);
    if (range === null || !/^Anonymous: +0 kB$/m.test(entry)) return [];
    const start = Number.parseInt(range[1] ?? "", 16);
    return [{ start, sizeBytes: Number.parseInt(range[2] ?? "", 16) - start }];
  });
}
