// The page's files: made by the bundler when the program is compiled, or at once where it runs from its sources.
import { LocalError } from "../domain/errors.ts";
import page from "../ui/index.html";

/** One file as the browser gets it. */
export type PageFile = { readonly body: Uint8Array<ArrayBuffer>; readonly contentType: string };

/** All files by their path below the server's root; the page itself is `/`. */
export async function loadPages(): Promise<ReadonlyMap<string, PageFile>> {
  return page.files === undefined ? buildPages(page.index) : readPages(page.files);
}

async function readPages(files: NonNullable<typeof page.files>): Promise<ReadonlyMap<string, PageFile>> {
  const pages = new Map<string, PageFile>();
  for (const { headers, path } of files) {
    pages.set(servedPath(path), { body: await Bun.file(path).bytes(), contentType: headers["content-type"] });
  }
  return pages;
}

async function buildPages(index: string): Promise<ReadonlyMap<string, PageFile>> {
  const result = await Bun.build({
    entrypoints: [index],
    // React's development helpers are of no use here; see scripts/release/compile.ts for the other way to build.
    define: { "process.env.NODE_ENV": '"production"' },
    throw: false,
  });
  if (!result.success) throw new LocalError(`Cannot build the page: ${result.logs.map(String).join("\n")}`);
  const pages = new Map<string, PageFile>();
  for (const output of result.outputs) {
    pages.set(servedPath(output.path), { body: new Uint8Array(await output.arrayBuffer()), contentType: output.type });
  }
  return pages;
}

/** Paths inside of an executable have backslashes on Windows. */
function servedPath(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return name.endsWith(".html") ? "/" : `/${name}`;
}
