// Builds the executable and runs every test, in two processes side by side and in random order. Ends with one plain line
// of counts. Words are passed on to the test runner (a path, `-t name`).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const scratch = mkdtempSync(join(tmpdir(), "runtunnel-test-"));
const report = join(scratch, "report.xml");

try {
  if (run([join(root, "scripts", "build.ts")]) !== 0) process.exit(1);
  const words = process.argv.slice(2);
  const status = run([
    "test",
    // The default of 5 s is too short for real processes on a loaded machine; nothing passes by waiting.
    "--timeout=120000",
    "--isolate",
    "--randomize",
    "--parallel=2",
    "--only-failures",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...words,
  ]);
  const { failed, passed, skipped } = count(readFileSync(report, "utf8"));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = status !== 0 || failed > 0 || passed === 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Counts of the whole run: the attributes of the report's root element. */
function count(xml: string): { readonly passed: number; readonly failed: number; readonly skipped: number } {
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? Number.NaN);
  const failed = attribute("failures");
  const skipped = attribute("skipped");
  return { passed: attribute("tests") - failed - skipped, failed, skipped };
}

function run(words: readonly string[]): number {
  return spawnSync(process.execPath, words, { cwd: root, stdio: "inherit" }).status ?? 1;
}
