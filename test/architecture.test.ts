// ARCHITECTURE.md, enforced: the sources are checked against the very table that people read.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findBreaches, parseImportTable, type SourceText } from "./support/import-rules.ts";

const ROOT = join(import.meta.dir, "..");
const DOCUMENT = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8").replaceAll("\r\n", "\n");
const TABLE = parseImportTable(DOCUMENT);
const SOURCES: readonly SourceText[] = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({ path: name.replaceAll("\\", "/"), text: readFileSync(join(ROOT, "src", name), "utf8") }));
const FOLDERS = [...new Set(SOURCES.filter(({ path }) => path.includes("/")).map(({ path }) => path.split("/")[0]))];

describe("the sources", () => {
  test("keep every rule of ARCHITECTURE.md", () => {
    expect(SOURCES.length).toBeGreaterThan(100);
    expect(findBreaches(SOURCES, TABLE)).toEqual([]);
  });

  test("lie in folders that the import table and the tree name", () => {
    expect([...TABLE.keys()].sort()).toEqual(FOLDERS.filter((name) => name !== undefined).sort());
    for (const name of FOLDERS) expect(DOCUMENT).toContain(`\n  ${name}/ `);
  });
});

describe("findBreaches()", () => {
  const table = parseImportTable(
    "| folder | may import |\n| --- | --- |\n| `main.ts` | everything |\n| `cli` | `tunnel`, `domain` |\n" +
      "| `tunnel`, `ssh` | `platforms`, `domain` |\n| `platforms` | `domain` |\n| `domain` | nothing: no `node:*` |\n",
  );
  const breachesOf = (path: string, text: string): readonly string[] =>
    findBreaches([{ path, text }, catalog("platforms"), catalog("ssh/clients")], table);
  const catalog = (family: string): SourceText => ({ path: `${family}/catalog.ts`, text: 'import "./one/one.ts";' });

  test.each([
    ["cli/a.ts", 'import { b } from "../tunnel/b.ts";'],
    ["cli/a.ts", 'import "./b.ts"; import type { C } from "../domain/c.ts"; import y from "yargs";'],
    ["main.ts", 'import { all } from "./platforms/catalog.ts"; import m from "../package.json"; process.env;'],
    ["stdio.ts", "export const width = process.env.COLUMNS;"],
    ["platforms/one/a.ts", 'import "./b.ts"; import "../platform.ts";'],
    ["ssh/clients/one/a.ts", 'import "../client.ts";'],
    [
      "domain/a.ts",
      'import "./b.ts"; type P = { process: number; Date: string }; export const f = (p: P) => p.process;',
    ],
    ["tunnel/a.ts", "const text = \"import x from '../cli/a.ts'\"; // process.env"],
    ["cli/a.ts", "export const read = (environment: { env: string }) => environment.env;"],
  ])("allows in %s: %s", (path, text) => {
    expect(breachesOf(path, text)).toEqual([]);
  });

  test.each([
    ["tunnel/a.ts", 'import { b } from "../cli/b.ts";', "tunnel may not import cli"],
    ["tunnel/a.ts", 'import type { B } from "../cli/b.ts";', "tunnel may not import cli"],
    ["tunnel/a.ts", 'export { b } from "../cli/b.ts";', "tunnel may not import cli"],
    ["tunnel/a.ts", 'const b = await import("../cli/b.ts");', "tunnel may not import cli"],
    ["tunnel/a.ts", 'const b = require("../cli/b.ts");', "tunnel may not import cli"],
    ["tunnel/a.ts", 'type B = import("../cli/b.ts").B;', "tunnel may not import cli"],
    ["tunnel/a.ts", 'import { main } from "../main.ts";', "tunnel may not import main"],
    ["tunnel/a.ts", 'import p from "../../package.json";', "outside of src"],
    ["other/a.ts", 'import "../domain/b.ts";', '"other" is not in the import table'],
    ["domain/a.ts", 'import { join } from "node:path";', "the domain imports nothing"],
    ["domain/a.ts", 'import * as v from "valibot";', "the domain imports nothing"],
    ["domain/a.ts", "export const now = () => Date.now();", "uses Date"],
    ["domain/a.ts", "export const now = () => new Date();", "uses Date"],
    ["domain/a.ts", "export const luck = Math.random;", "uses Math.random"],
    ["domain/a.ts", "export const f = () => Bun.sleep(1);", "uses Bun"],
    ["domain/a.ts", "setTimeout(() => {}, 1);", "uses setTimeout"],
    ["cli/a.ts", 'export const p = process.env["PATH"];', "reads process.env"],
    ["cli/a.ts", 'export const p = process["env"];', "reads process.env"],
    ["cli/a.ts", "const { env: all } = process;", "reads process.env"],
    ["tunnel/a.ts", "export const w = process.argv.slice(2);", "reads process.argv"],
    ["tunnel/a.ts", "export const f = process.cwd();", "reads process.cwd"],
    ["tunnel/a.ts", "export const e = Bun.env.HOME;", "reads Bun.env"],
    ["cli/a.ts", "export default 1;", "default export"],
    ["cli/a.ts", "export default function f() {}", "default export"],
    ["cli/a.ts", "const a = 1; export { a as default };", "default export"],
    ["platforms/two/a.ts", 'import "../one/one.ts";', 'only the catalog imports the member "one"'],
    ["platforms/shared.ts", 'import "./one/one.ts";', 'only the catalog imports the member "one"'],
    ["tunnel/a.ts", 'import "../platforms/one/one.ts";', 'only the catalog imports the member "one"'],
    ["main.ts", 'import "./platforms/one/one.ts";', 'only the catalog imports the member "one"'],
    ["ssh/clients/two/a.ts", 'import "../one/one.ts";', 'only the catalog imports the member "one"'],
    ["tunnel/a.ts", 'import "../platforms/catalog.ts";', "only main.ts imports catalogs"],
    ["platforms/one/a.ts", 'import "../catalog.ts";', "only main.ts imports catalogs"],
  ])("finds in %s: %s", (path, text, breach) => {
    expect(breachesOf(path, text).join("\n")).toContain(breach);
  });
});
