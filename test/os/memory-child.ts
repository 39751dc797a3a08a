// Reports how much of the program's code is in memory before and after it was released, and that it still runs.
import { readFileSync } from "node:fs";
import { findCode, releaseMemory } from "../../src/os/memory.ts";

function codeBytes(): number {
  const smaps = readFileSync("/proc/self/smaps", "latin1");
  const code = new Set(findCode(smaps).map(({ start }) => start));
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).reduce((sum, entry) => {
    if (!code.has(Number.parseInt(entry, 16))) return sum;
    return sum + 1024 * Number(/^Rss: +(\d+) kB$/m.exec(entry)?.[1]);
  }, 0);
}

const before = codeBytes();
releaseMemory();
releaseMemory();
const after = codeBytes();
const sorted = Array.from({ length: 10_000 }, (_, index) => 10_000 - index).sort((one, other) => one - other);
const report = { before, after, first: sorted[0], text: new TextDecoder().decode(Buffer.from("läuft")) };
process.stdout.write(`${JSON.stringify(report)}\n`);
