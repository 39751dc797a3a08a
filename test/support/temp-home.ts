// A home folder that exists for one test.
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that is removed with all its content when the test's block ends. */
export type TempHome = AsyncDisposable & { readonly path: string };

/** Makes an empty private folder: `await using home = await tempHome()`. */
export async function tempHome(): Promise<TempHome> {
  // macOS keeps its temporary folder behind a symbolic link, which would make paths in messages differ.
  const path = await realpath(await mkdtemp(join(tmpdir(), "runtunnel-")));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
