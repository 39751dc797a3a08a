// The rules of ARCHITECTURE.md as code: reads its import table and checks sources against it. Pure.
import { posix } from "node:path";
import ts from "typescript";

/** A source file; `path` is relative to `src`, with forward slashes. */
export type SourceText = { readonly path: string; readonly text: string };

/** Folder -> folders it may import. Files at the root of `src` count as the folder `main`, which may import everything. */
export type ImportTable = ReadonlyMap<string, ReadonlySet<string>>;

/** What a file refers to. */
type Facts = {
  readonly imports: readonly string[];
  readonly hasDefaultExport: boolean;
  /** Names used as `name` or `object.member`. */
  readonly names: ReadonlySet<string>;
};

/** Where configuration and the standard streams enter the program. */
const OUTERMOST_FILES = ["main.ts", "stdio.ts"];
const CONFIGURATION = ["process.env", "process.argv", "process.cwd", "Bun.env", "Bun.argv", "import.meta.env"];
/** What would make a rule of the domain depend on anything but its arguments. */
const IMPURE = [
  "process",
  "Bun",
  "Date",
  "Math.random",
  "performance",
  "crypto",
  "fetch",
  "console",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
];

/** Reads the table `| folder | may import |`. Throws when the document has none, or a row that cannot be read. */
export function parseImportTable(document: string): ImportTable {
  const rows = /^\| folder \| may import \|\n\| --- \| --- \|\n((?:\|.*\|\n)+)/m.exec(document)?.[1];
  if (rows === undefined) throw new Error("ARCHITECTURE.md has no import table");
  const table = new Map<string, ReadonlySet<string>>();
  for (const row of rows.trim().split("\n")) {
    const [, folders, allowed] = /^\| (.+) \| (.+) \|$/.exec(row) ?? [];
    if (folders === undefined || allowed === undefined) throw new Error(`Cannot read the row "${row}"`);
    if (folders === "`main.ts`") continue;
    const granted = allowed.startsWith("nothing") ? [] : quoted(allowed);
    for (const folder of quoted(folders)) table.set(folder, new Set(granted));
  }
  return table;
}

/** Every breach of the rules, as sentences; none when all is well. */
export function findBreaches(sources: readonly SourceText[], table: ImportTable): readonly string[] {
  const families = sources.filter(({ path }) => posix.basename(path) === "catalog.ts").map(({ path }) => folder(path));
  return sources.flatMap((source) => {
    const facts = readFacts(source);
    return [
      ...facts.imports.flatMap((specifier) => checkImport(source.path, specifier, table, families)),
      ...checkNames(source.path, facts),
    ];
  });
}

function checkImport(path: string, specifier: string, table: ImportTable, families: readonly string[]): string[] {
  const from = topFolder(path);
  if (!specifier.startsWith(".")) {
    return from === "domain" ? [`${path} imports ${specifier}: the domain imports nothing`] : [];
  }
  const target = posix.normalize(posix.join(folder(path), specifier));
  if (target.startsWith("../")) {
    return from === "main" ? [] : [`${path} imports ${specifier}, which lies outside of src`];
  }
  const to = topFolder(target);
  const breaches: string[] = [];
  if (from !== "main" && from !== to) {
    const allowed = table.get(from);
    if (allowed === undefined) breaches.push(`${path}: the folder "${from}" is not in the import table`);
    else if (!allowed.has(to)) breaches.push(`${path} imports ${target}: ${from} may not import ${to}`);
  }
  if (posix.basename(target) === "catalog.ts" && from !== "main") {
    breaches.push(`${path} imports ${target}: only main.ts imports catalogs`);
  }
  for (const family of families) {
    const member = memberOf(target, family);
    if (member === undefined || member === memberOf(path, family) || path === `${family}/catalog.ts`) continue;
    breaches.push(`${path} imports ${target}: only the catalog imports the member "${member}"`);
  }
  return breaches;
}

function checkNames(path: string, facts: Facts): string[] {
  const breaches: string[] = [];
  if (facts.hasDefaultExport) breaches.push(`${path} has a default export`);
  if (!OUTERMOST_FILES.includes(path)) {
    for (const name of CONFIGURATION) if (facts.names.has(name)) breaches.push(`${path} reads ${name}`);
  }
  if (topFolder(path) === "domain") {
    for (const name of IMPURE) if (facts.names.has(name)) breaches.push(`${path} uses ${name}: the domain is pure`);
  }
  return breaches;
}

/** Type imports, dynamic imports and re-exports count like any other. */
function readFacts(source: SourceText): Facts {
  const imports: string[] = [];
  const names = new Set<string>();
  let hasDefaultExport = false;
  const note = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) imports.push(node.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) note(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node)) note(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined);
    else if (ts.isCallExpression(node) && isLoading(node)) note(node.arguments[0]);
    if (ts.isExportAssignment(node) || isDefaultDeclaration(node)) hasDefaultExport = true;
    if (ts.isExportSpecifier(node) && node.name.text === "default") hasDefaultExport = true;
    noteName(node, names);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true));
  return { imports, hasDefaultExport, names };
}

function isLoading(call: ts.CallExpression): boolean {
  return call.expression.kind === ts.SyntaxKind.ImportKeyword || call.expression.getText() === "require";
}

function isDefaultDeclaration(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)
  );
}

/** Notes `object.member`, `object["member"]`, `const { member } = object`, and bare names that stand for values. */
function noteName(node: ts.Node, names: Set<string>): void {
  if (ts.isPropertyAccessExpression(node)) names.add(`${node.expression.getText()}.${node.name.text}`);
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    names.add(`${node.expression.getText()}.${node.argumentExpression.text}`);
  }
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer !== undefined) {
    for (const element of node.name.elements) {
      names.add(`${node.initializer.getText()}.${(element.propertyName ?? element.name).getText()}`);
    }
  }
  if (ts.isIdentifier(node) && isValue(node)) names.add(node.text);
}

/** Whether a name is used as a value, not as the name of a member, a field or a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node;
  if (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isTypeReferenceNode(parent)) return false;
  return !(ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent) || ts.isTypeAliasDeclaration(parent));
}

function memberOf(path: string, family: string): string | undefined {
  if (!path.startsWith(`${family}/`)) return undefined;
  const rest = path.slice(family.length + 1);
  return rest.includes("/") ? rest.slice(0, rest.indexOf("/")) : undefined;
}

function topFolder(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "main";
}

function folder(path: string): string {
  return posix.dirname(path);
}

function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
}
