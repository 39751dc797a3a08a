// The page's files: packed into the executable when it is compiled, or made at once where the program runs from its sources.
import * as v from "valibot";
import page from "../../ui/index.html";
import { bundlePage, type PageFile } from "./ui-bundle.ts";

/** What scripts/release/compile.ts puts in the place of the HTML file. */
const packedPage = v.object({
  files: v.array(v.object({ path: v.string(), contentType: v.string(), text: v.string() })),
});

/** All files by their path below the server's root; the page itself is `/`. */
export async function loadPages(): Promise<ReadonlyMap<string, PageFile>> {
  const packed = v.safeParse(packedPage, page);
  const { files } = packed.success ? packed.output : await bundlePage(page.index);
  return new Map(files.map((file) => [file.path, file]));
}
