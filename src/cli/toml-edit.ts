// Sets values in a TOML text and leaves everything else as it is: comments, order, spaces. Pure.
import { isDeepStrictEqual } from "node:util";
import { patch } from "@decimalturn/toml-patch";
import { parse, stringify } from "smol-toml";
import { UsageError } from "../domain/errors.ts";

type Table = Record<string, unknown>;

/** The text with these texts in the table of that path. Throws UsageError for a text that is no TOML, and rather than
 * write one that means something else than was asked for. */
export function setTomlValues(text: string, path: readonly string[], values: Readonly<Record<string, string>>): string {
  const wanted = parseTable(text);
  const table = openTable(wanted, path);
  Object.assign(table, values);
  const edited = hasTable(parseTable(text), path) ? patch(text, wanted) : appendTable(text, path, values);
  if (isDeepStrictEqual(parseTable(edited), parseTable(stringify(wanted)))) return edited;
  throw new UsageError(`Cannot edit the table [${path.join(".")}] of the configuration file without harm`, {
    code: "config-not-editable",
    hint: "Edit the file by hand; its tables may be written in an unusual way",
  });
}

function appendTable(text: string, path: readonly string[], values: Readonly<Record<string, string>>): string {
  const gap = text === "" || /\n\r?\n$/.test(text) ? "" : text.endsWith("\n") ? "\n" : "\n\n";
  const header = path.map((part) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))).join(".");
  const added = `${gap}[${header}]\n${stringify(values).trimEnd()}\n`;
  return text + (text.includes("\r\n") ? added.replaceAll("\n", "\r\n") : added);
}

function openTable(root: Table, path: readonly string[]): Table {
  let table = root;
  for (const part of path) {
    const next = table[part];
    if (isTable(next)) {
      table = next;
      continue;
    }
    if (next !== undefined) throw new UsageError(`"${part}" in the configuration file is not a table`);
    const made: Table = {};
    table[part] = made;
    table = made;
  }
  return table;
}

function hasTable(root: Table, path: readonly string[]): boolean {
  let table: unknown = root;
  for (const part of path) table = isTable(table) ? table[part] : undefined;
  return isTable(table);
}

function parseTable(text: string): Table {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new UsageError("The configuration file is not valid TOML", { code: "config-damaged", cause });
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
