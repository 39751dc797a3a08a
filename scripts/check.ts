// The whole gate: format and lint, types, unused code, then all tests. Stops at the first failure.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const steps: readonly (readonly [string, string, ...string[]])[] = [
  ["format and lint", bin("biome"), "check", "--error-on-warnings", "."],
  ["types", bin("tsc"), "--noEmit"],
  ["types of the page", bin("tsc"), "--noEmit", "-p", join(root, "src", "ui")],
  ["unused code", bin("knip")],
  ["tests", process.execPath, join(root, "scripts", "test.ts"), ...process.argv.slice(2)],
];

for (const [name, program, ...words] of steps) {
  console.log(`== ${name}`);
  const { status } = spawnSync(program, words, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) {
    console.error(`== ${name}: failed`);
    process.exit(status ?? 1);
  }
}
