// Where each key of a TOML text stands. The parser gives values alone, and a mistake in a file of fifty tunnels is found
// by its line. Pure; expects text that the parser has accepted.
import { parse } from "smol-toml";

/** Line and column, both from 1. */
export type Position = { readonly line: number; readonly column: number };

/** Positions by path: `tunnel.0.local-port`; a table's own path names its header. Keys are joined with dots as they are. */
export function locateKeys(text: string): ReadonlyMap<string, Position> {
  return new Locator(text).run();
}

type Path = readonly (string | number)[];

class Locator {
  readonly #text: string;
  readonly #found = new Map<string, Position>();
  /** Number of tables so far in each array of tables. */
  readonly #counts = new Map<string, number>();
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): ReadonlyMap<string, Position> {
    let table: Path = [];
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      if (this.#peek() === "[") table = this.#header();
      else this.#pair(table);
    }
    return this.#found;
  }

  #header(): Path {
    const position = this.#position();
    const isArray = this.#text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    const key = this.#key();
    this.#at += isArray ? 2 : 1;
    const last = key.at(-1) ?? "";
    let parent: Path = [];
    for (const part of key.slice(0, -1)) parent = this.#latest([...parent, part]);
    const path = [...parent, last];
    if (!isArray) {
      this.#note(path, position);
      return path;
    }
    const count = this.#counts.get(path.join(".")) ?? 0;
    this.#counts.set(path.join("."), count + 1);
    this.#note([...path, count], position);
    return [...path, count];
  }

  /** A path that names an array of tables means the last of them. */
  #latest(path: Path): Path {
    const count = this.#counts.get(path.join("."));
    return count === undefined ? path : [...path, count - 1];
  }

  #pair(table: Path): void {
    const position = this.#position();
    const path = [...table, ...this.#key()];
    this.#note(path, position);
    this.#at += 1; // the equals sign
    this.#skipSpace();
    this.#value(path);
  }

  /** A dotted key; leaves the reader at what follows it. */
  #key(): readonly string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skipSpace();
      const quote = this.#peek();
      if (quote === '"' || quote === "'") parts.push(unquote(this.#string()));
      else parts.push(this.#match(/[A-Za-z0-9_-]*/y));
      this.#skipSpace();
      if (this.#peek() !== ".") return parts;
      this.#at += 1;
    }
  }

  #value(path: Path): void {
    const first = this.#peek();
    if (first === '"' || first === "'") this.#string();
    else if (first === "[") this.#list(path);
    else if (first === "{") this.#inlineTable(path);
    else this.#match(/[^,\]}\n#]*/y);
  }

  #list(path: Path): void {
    this.#at += 1;
    for (let index = 0; ; index += 1) {
      this.#skipBlank(",");
      if (this.#at >= this.#text.length) return;
      if (this.#peek() === "]") break;
      this.#note([...path, index], this.#position());
      this.#value([...path, index]);
    }
    this.#at += 1;
  }

  #inlineTable(path: Path): void {
    this.#at += 1;
    for (;;) {
      this.#skipBlank(",");
      if (this.#at >= this.#text.length) return;
      if (this.#peek() === "}") break;
      this.#pair(path);
    }
    this.#at += 1;
  }

  /** A string of any of the four kinds, with its quotes. */
  #string(): string {
    const literal = this.#peek() === "'";
    const quote = literal ? "'" : '"';
    const long = this.#text.startsWith(quote.repeat(3), this.#at);
    if (long) {
      const pattern = literal ? /'''[\s\S]*?'{3,5}/y : /"""(?:\\[\s\S]|[^\\])*?"{3,5}/y;
      return this.#match(pattern);
    }
    return this.#match(literal ? /'[^'\n]*'/y : /"(?:\\.|[^"\\\n])*"/y);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const matched = pattern.exec(this.#text)?.[0] ?? "";
    for (let index = matched.indexOf("\n"); index >= 0; index = matched.indexOf("\n", index + 1)) {
      this.#line += 1;
      this.#lineStart = this.#at + index + 1;
    }
    this.#at += matched.length;
    return matched;
  }

  #skipSpace(): void {
    this.#match(/[ \t]*/y);
  }

  /** Spaces, ends of lines, comments, and `also`. */
  #skipBlank(also = ""): void {
    this.#match(also === "," ? /(?:[\s,]|#[^\n]*)*/y : /(?:\s|#[^\n]*)*/y);
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #position(): Position {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #note(path: Path, position: Position): void {
    this.#found.set(path.join("."), position);
  }
}

function unquote(text: string): string {
  const { key } = parse(`key = ${text}`);
  return typeof key === "string" ? key : text;
}
