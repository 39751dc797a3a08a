import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { findCode, releaseMemory } from "../../src/os/memory.ts";

function entry(head: string, anonymous: number): string {
  return `${head}\nSize:               1024 kB\nRss:                 512 kB\nAnonymous:        ${String(anonymous).padStart(6)} kB\nVmFlags: rd ex mr mw me\n`;
}

describe("findCode()", () => {
  test("takes code of files, and nothing that could be lost", () => {
    const smaps = [
      entry("00200000-01a3c000 r--p 00000000 fe:00 1234                               /opt/runtunnel", 0),
      entry("01a40000-01b40000 r-xp 01840000 fe:00 1234                               /opt/run tunnel (deleted)", 0),
      entry("06867000-07000000 rw-p 06667000 fe:00 1234                               /opt/runtunnel", 0),
      entry("3db44200000-3db84200000 rw-p 00000000 00:00 0 ", 7000),
      entry("7fab3ed95000-7fab3ed99000 r-xp 0000f000 fe:00 77                         /usr/lib/libm.so.6", 0),
      entry("7fab3ee95000-7fab3ee99000 r-xp 0000f000 fe:00 78                         /usr/lib/patched.so", 4),
      entry("7faafeb2a000-7fab3eb2a000 rwxp 00000000 00:00 0 ", 52),
      entry("7ffea7f9b000-7ffea7f9d000 r-xp 00000000 00:00 0                          [vdso]", 0),
    ].join("");
    expect(findCode(smaps)).toEqual([
      { start: 0x01a40000, sizeBytes: 0x100000 },
      { start: 0x7fab3ed95000, sizeBytes: 0x4000 },
    ]);
  });

  test("finds nothing in nothing", () => {
    expect(findCode("")).toEqual([]);
  });
});

describe("releaseMemory()", () => {
  test("may be called anywhere, and twice", () => {
    releaseMemory();
    releaseMemory();
  });

  test.skipIf(process.platform !== "linux")("lets go of code that only the start needed, and runs on", async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "memory-child.ts")], { stdout: "pipe" });
    const { after, before, first, text } = JSON.parse(await new Response(child.stdout).text());
    expect(await child.exited).toBe(0);
    expect(after).toBeLessThan(before / 2);
    expect({ first, text }).toEqual({ first: 1, text: "läuft" });
  });
});
