// Makes the page's files from its sources: when the program is compiled (scripts/release/compile.ts), and at once where it
// runs from its sources. The same sources give the same bytes wherever they lie.
import { basename } from "node:path";
import { LocalError } from "../../domain/errors.ts";

/** One file as the browser gets it. */
export type PageFile = { readonly path: string; readonly contentType: string; readonly text: string };

/** All files, the page itself at `/`, and the source files that went in, as the bundler names them. */
export type PageBundle = { readonly files: readonly PageFile[]; readonly sources: readonly string[] };

/** Bundles. `index` is the absolute path of the HTML file. Throws LocalError. */
export async function bundlePage(index: string): Promise<PageBundle> {
  const result = await Bun.build({
    entrypoints: [index],
    // No hashes: the bundler takes them of absolute paths too, and nothing of this page is cached anyway.
    naming: { entry: "[name].[ext]", chunk: "[name].[ext]", asset: "[name].[ext]" },
    minify: true,
    // Without this the page carries what helps to develop it.
    define: { "process.env.NODE_ENV": '"production"' },
    metafile: true,
    throw: false,
  });
  if (!result.success) {
    throw new LocalError(`Cannot build the page: ${result.logs.map(String).join("\n")}`, { code: "no-page" });
  }
  const files = await Promise.all(
    result.outputs.map(async (output) => {
      const name = basename(output.path);
      return {
        path: name.endsWith(".html") ? "/" : `/${name}`,
        contentType: contentTypeOf(name),
        text: await output.text(),
      };
    }),
  );
  return { files, sources: Object.keys(result.metafile?.inputs ?? {}) };
}

/** By the ending: the bundler is not sure of it for styles. */
function contentTypeOf(name: string): string {
  const types: Readonly<Record<string, string>> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    svg: "image/svg+xml",
  };
  return `${types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream"}; charset=utf-8`;
}
