// Writes docs/commands.md and docs/runtunnel.1 from the commands' own definitions; `--check` only says whether they are
// current. The page's date stays as it is while nothing else changes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Document, referenceDocuments } from "./docs/render.ts";

const root = join(import.meta.dir, "..");
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const today = new Date().toISOString().slice(0, 10);

const stale = referenceDocuments().filter((document) => !isCurrent(document));
for (const { path } of stale)
  console.log(values.check ? `${path} is not current: run "bun run docs"` : `Wrote ${path}`);
if (values.check) process.exitCode = stale.length === 0 ? 0 : 1;
else for (const { path, render } of stale) writeFileSync(join(root, path), render(today));

function isCurrent({ path, render }: Document): boolean {
  const text = readIfExists(join(root, path));
  const date = /^\.TH \S+ 1 (\S+)/m.exec(text)?.[1] ?? today;
  return text === render(date);
}

function readIfExists(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
