// Compiles src/main.ts into dist/runtunnel. `--target=bun-windows-x64` and the like cross-compile; `--outfile` names the
// result.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dir, "..");
const { values } = parseArgs({
  options: { target: { type: "string" }, outfile: { type: "string", default: join(root, "dist", "runtunnel") } },
});

const result = await Bun.build({
  entrypoints: [join(root, "src", "main.ts")],
  compile: {
    outfile: values.outfile,
    ...(values.target === undefined ? {} : { target: values.target as Bun.Build.CompileTarget }),
    // A working directory must not configure the program.
    autoloadDotenv: false,
    autoloadBunfig: false,
    autoloadTsconfig: false,
    autoloadPackageJson: false,
  },
  format: "esm",
  bytecode: true,
  minify: { whitespace: true, syntax: true, identifiers: false },
  sourcemap: "none",
  define: {
    RUNTUNNEL_COMMIT: JSON.stringify(git("rev-parse", "--short=12", "HEAD") ?? "unknown"),
    RUNTUNNEL_BUILD_DATE: JSON.stringify(commitDate()),
  },
  throw: false,
});
for (const log of result.logs) console.error(String(log));
if (!result.success) process.exit(1);
console.log(`Built ${values.outfile}`);

/** The date of the commit, not of today: the same commit gives the same executable. */
function commitDate(): string {
  return git("log", "-1", "--format=%cs") ?? "unknown";
}

function git(...words: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", words, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
