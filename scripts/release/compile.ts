// Compiles src/main.ts into one executable, for this system or, given Bun's runtime for it, for another one. The same
// sources give the same bytes wherever they lie.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bundlePage, type PageFile } from "../../src/tunnel/ui/ui-bundle.ts";

/** The project's folder. */
export const ROOT = join(import.meta.dir, "..", "..");

/** The commit, briefly; `-dirty` when the sources differ from it. */
export const COMMIT_ID = findCommitId();

/** The time of the commit, not of today: the same commit gives the same bytes. */
export const COMMIT_TIME = new Date(Number(git("log", "-1", "--format=%ct") ?? 0) * 1000);

/** What to compile. */
export type CompileOptions = {
  /** Absolute. Its name is written into the executable too, so that it must be the same for the same bytes. */
  readonly outfile: string;
  /** Bun's name for the system; absent: the one we run on. */
  readonly target?: string;
  /** Bun's executable for that system. */
  readonly runtime?: string;
};

/** Compiles, and returns the source files that went in, relative to the project. Throws with what the bundler said. */
export async function compile(options: CompileOptions): Promise<readonly string[]> {
  // The bundler names pieces after their way from the working directory.
  const workingFolder = process.cwd();
  process.chdir(ROOT);
  try {
    return await bundle(options);
  } finally {
    process.chdir(workingFolder);
  }
}

async function bundle(options: CompileOptions): Promise<readonly string[]> {
  const { outfile, runtime, target } = options;
  const page = await bundlePage(join(ROOT, "src", "ui", "index.html"));
  const result = await Bun.build({
    entrypoints: [join(ROOT, "src", "main.ts")],
    root: ROOT,
    compile: {
      outfile,
      ...(target === undefined ? {} : { target: target as Bun.Build.CompileTarget }),
      ...(runtime === undefined ? {} : { executablePath: runtime }),
      // A working directory must not configure the program.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    format: "esm",
    // What is imported where it is needed is a module of its own: in one piece all functions of all commands would be made
    // at every start, which costs a tunnel 3 MB and a command 7 ms.
    splitting: true,
    bytecode: true,
    metafile: true,
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: "none",
    plugins: [withoutAddons, withPage(page.files)],
    define: {
      RUNTUNNEL_COMMIT: JSON.stringify(COMMIT_ID),
      RUNTUNNEL_BUILD_DATE: JSON.stringify(COMMIT_TIME.toISOString().slice(0, 10)),
      // CommonJS packages mention their own folder: without this it would be that of the machine that compiles.
      __dirname: '"/"',
      __filename: '"/"',
    },
    throw: false,
  });
  if (!result.success) throw new Error(`Cannot compile ${outfile}:\n${result.logs.map(String).join("\n")}`);
  return [...Object.keys(result.metafile?.inputs ?? {}), ...page.sources];
}

/** Addons are machine code of the machine that installed the packages: useless on another system, and Bun cannot load
 * those of ssh2 at all, which does without them. */
const withoutAddons: Bun.BunPlugin = {
  name: "without addons",
  setup(build) {
    build.onLoad({ filter: /\.node$/ }, () => ({ contents: 'throw new Error("not built in")', loader: "js" }));
  },
};

/** The page in the place of its HTML file, see src/tunnel/ui-pages.ts. The bundler could pack it by itself, but then its
 * names and tags come from absolute paths. */
function withPage(files: readonly PageFile[]): Bun.BunPlugin {
  return {
    name: "with page",
    setup(build) {
      const contents = `export default ${JSON.stringify({ files })}`;
      build.onResolve({ filter: /\/ui\/index\.html$/ }, () => ({ path: "page", namespace: "page" }));
      build.onLoad({ filter: /^page$/, namespace: "page" }, () => ({ contents, loader: "js" }));
    },
  };
}

function findCommitId(): string {
  const id = git("rev-parse", "--short=12", "HEAD");
  if (id === undefined) return "unknown";
  const isDirty = git("status", "--porcelain", "--untracked-files=no") !== "";
  return isDirty ? `${id}-dirty` : id;
}

function git(...words: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", words, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
