// Reads a file of tunnels: TOML to entries, with every mistake told by line, column and field. Pure.
import { dirname } from "node:path";
import leven from "leven";
import { parse, TomlError } from "smol-toml";
import { parseDuration } from "../domain/duration.ts";
import { MAX_PORT, parseEndpoint } from "../domain/endpoint.ts";
import { AppError, errorMessage, UsageError } from "../domain/errors.ts";
import type { SettingDeclaration } from "../domain/setting.ts";
import type { ServiceSettings } from "../tunnel/project/project.ts";
import { defaultFields, type FieldRule, SERVICE_FIELDS, tunnelFields } from "./project-fields.ts";
import { locateKeys, type Position } from "./toml-positions.ts";

/** Values of one tunnel's fields as words of `start`: texts, switches, lists. */
export type ProjectWords = Readonly<Record<string, string | boolean | readonly string[]>>;

/** One tunnel of the file. */
export type ProjectFileEntry = {
  readonly name: string;
  readonly words: ProjectWords;
  readonly position: Position;
};

/** What the file says, not yet turned into options of `start`. */
export type ProjectFileContent = {
  readonly service: ServiceSettings;
  readonly entries: readonly ProjectFileEntry[];
  /** The place of an entry's field, or of the entry where it has no such field, as messages name it. */
  readonly placeOf: (entry: ProjectFileEntry, field?: string) => string;
};

/** Matches what `stop` gives connections to finish. */
const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** More tunnels on one machine is a mistake of a generator; each is a process. */
const MAX_TUNNELS = 1000;

/** Reads the text of the file at `path`. Throws one UsageError that names every mistake. */
export function parseProjectFile(
  text: string,
  path: string,
  declarations: readonly SettingDeclaration[],
): ProjectFileContent {
  return new Reader(text.replace(/^\uFEFF/, ""), path, declarations).read();
}

/** The folder that relative paths in the file are meant from. */
export function projectFolder(path: string): string {
  return dirname(path);
}

/** One error for all mistakes of a file. */
export function mistakesError(path: string, mistakes: readonly Mistake[]): UsageError {
  const [first] = mistakes;
  const message =
    mistakes.length === 1
      ? `Cannot use "${path}", ${first?.text}`
      : `Cannot use "${path}", it has ${mistakes.length} mistakes:\n${mistakes.map(({ text, hint }) => `  ${text}${hint === undefined ? "" : ` (${hint})`}`).join("\n")}`;
  const hint = mistakes.length === 1 ? first?.hint : undefined;
  return new UsageError(message, {
    code: "project-file",
    ...(hint === undefined ? {} : { hint }),
    cause: first?.cause,
  });
}

/** One mistake in words: place, then what is wrong. */
export type Mistake = { readonly text: string; readonly hint?: string; readonly cause?: unknown };

type Table = Readonly<Record<string, unknown>>;
type Words = Record<string, string | boolean | readonly string[]>;

class Reader {
  readonly #text: string;
  readonly #path: string;
  readonly #declarations: readonly SettingDeclaration[];
  readonly #mistakes: Mistake[] = [];
  #positions: ReadonlyMap<string, Position> = new Map();

  constructor(text: string, path: string, declarations: readonly SettingDeclaration[]) {
    this.#text = text;
    this.#path = path;
    this.#declarations = declarations;
  }

  read(): ProjectFileContent {
    const root = this.#parse();
    this.#positions = locateKeys(this.#text);
    const { defaults, service, tunnel, ...others } = root;
    for (const key of Object.keys(others)) this.#unknown(key, key, ["tunnel", "defaults", "service"], "the file");
    const settings = this.#readService(service);
    const shared = this.#readTable(defaults, "defaults", defaultFields(this.#declarations), "[defaults]");
    const entries = this.#readTunnels(tunnel, shared);
    this.#checkTogether(entries);
    if (this.#mistakes.length > 0) throw mistakesError(this.#path, this.#mistakes);
    return {
      service: settings,
      entries,
      placeOf: (entry, field) => {
        const index = entries.indexOf(entry);
        const known = field !== undefined && this.#positions.has(`tunnel.${index}.${field}`);
        return this.#place(known ? `tunnel.${index}.${field}` : `tunnel.${index}`);
      },
    };
  }

  #parse(): Table {
    try {
      return parse(this.#text);
    } catch (cause) {
      const where = cause instanceof TomlError ? `line ${cause.line}, column ${cause.column}: ` : "";
      throw mistakesError(this.#path, [{ text: `${where}${errorMessage(cause).split("\n")[0]}`, cause }]);
    }
  }

  #readTunnels(value: unknown, shared: Words): readonly ProjectFileEntry[] {
    if (!Array.isArray(value) || value.length === 0) {
      const hint = "Begin each tunnel with a line [[tunnel]], then run, local-port, remote-port";
      this.#mistakes.push({ text: "it names no tunnel", hint });
      return [];
    }
    if (value.length > MAX_TUNNELS) {
      this.#mistakes.push({ text: `it names ${value.length} tunnels; ${MAX_TUNNELS} is the limit` });
      return [];
    }
    const fields = tunnelFields(this.#declarations);
    return value.map((table: unknown, index) => {
      const path = `tunnel.${index}`;
      const own = this.#readTable(table, path, fields, describeTunnel(table, index));
      if (own["run"] === undefined && isTable(table) && table["run"] === undefined) {
        this.#mistakes.push({ text: `${this.#place(path)}: ${describeTunnel(table, index)} has no field "run"` });
      }
      const { name, ...words } = { ...shared, ...own };
      return {
        name: typeof name === "string" ? name : defaultName(words),
        words,
        position: this.#positions.get(path) ?? { line: 1, column: 1 },
      };
    });
  }

  #readService(value: unknown): ServiceSettings {
    const words = this.#readTable(value, "service", SERVICE_FIELDS, "[service]");
    const stopTimeout = words["stop-timeout"];
    const listen = words["listen"];
    return {
      stopTimeoutMs:
        typeof stopTimeout === "string" ? parseDuration(stopTimeout, "stop-timeout", "s") : DEFAULT_STOP_TIMEOUT_MS,
      ...(typeof listen === "string" ? { listen: this.#readEndpoint(listen) } : {}),
    };
  }

  #readEndpoint(text: string): { readonly host: string; readonly port: number } {
    try {
      // Port 0 is for tests and for whoever reads the port from the log.
      const port = /^(?:(.*):)?0$/.exec(text);
      if (port !== null) return { host: port[1] ?? "127.0.0.1", port: 0 };
      return /^\d+$/.test(text)
        ? parseEndpoint(`127.0.0.1:${text}`, "listen", MAX_PORT)
        : parseEndpoint(text, "listen");
    } catch (error) {
      this.#wrong("service.listen", "listen", error);
      return { host: "127.0.0.1", port: 0 };
    }
  }

  /** The fields of one table that are as they should be; mistakes are noted. */
  #readTable(value: unknown, path: string, fields: Readonly<Record<string, FieldRule>>, what: string): Words {
    if (value === undefined) return {};
    if (!isTable(value)) {
      this.#mistakes.push({ text: `${this.#place(path)}: "${path}" must be a table, as [${path}]` });
      return {};
    }
    const words: Words = {};
    for (const [field, given] of Object.entries(value)) {
      const rule = fields[field];
      if (rule === undefined) this.#unknown(`${path}.${field}`, field, Object.keys(fields), what);
      else {
        const word = this.#readField(given, `${path}.${field}`, field, rule);
        if (word !== undefined) words[field] = word;
      }
    }
    return words;
  }

  #readField(given: unknown, path: string, field: string, rule: FieldRule): Words[string] | undefined {
    const word = toWord(given, rule);
    if (word === undefined) {
      const text = `${this.#place(path)}, field "${field}": it must be ${rule.allowed}, not ${describe(given)}`;
      this.#mistakes.push({ text });
      return undefined;
    }
    if (typeof word === "string" && /:\/\/[^/\s@]*:[^/\s@]*@/.test(word)) {
      this.#mistakes.push({
        text: `${this.#place(path)}, field "${field}": passwords do not belong in this file`,
        hint: "Put it into config.toml or the environment; see: runtunnel config show",
      });
      return undefined;
    }
    try {
      if (typeof word === "string") rule.check?.(word, field);
      return word;
    } catch (error) {
      this.#wrong(path, field, error, rule);
      return undefined;
    }
  }

  #wrong(path: string, field: string, error: unknown, rule?: FieldRule): void {
    if (!(error instanceof AppError)) throw error;
    const hint = rule === undefined ? error.hint : `Give ${rule.allowed}`;
    this.#mistakes.push({
      text: `${this.#place(path)}, field "${field}": ${error.message}`,
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }

  #unknown(path: string, field: string, known: readonly string[], what: string): void {
    const near = known.filter((name) => leven(name, field) <= Math.max(2, Math.floor(name.length / 3)));
    near.sort((one, other) => leven(one, field) - leven(other, field));
    const isSecret = /token|password|secret|passphrase/i.test(field);
    const hint = isSecret
      ? "Secrets do not belong in this file: put them into config.toml or the environment"
      : near[0] === undefined
        ? `Allowed are: ${known.join(", ")}`
        : `Did you mean "${near[0]}"?`;
    this.#mistakes.push({ text: `${this.#place(path)}: ${what} has no field "${field}"`, hint });
  }

  #checkTogether(entries: readonly ProjectFileEntry[]): void {
    const names = new Map<string, ProjectFileEntry>();
    const ports = new Map<number, ProjectFileEntry>();
    for (const [index, entry] of entries.entries()) {
      const twin = names.get(entry.name);
      if (twin !== undefined) {
        this.#mistakes.push({
          text: `${this.#place(`tunnel.${index}`)}: the tunnel of line ${twin.position.line} is named "${entry.name}" too`,
          hint: "Give each a name of its own",
        });
      }
      names.set(entry.name, entry);
      for (const port of localPortsOf(entry.words)) {
        const holder = ports.get(port);
        if (holder !== undefined && holder !== entry) {
          const text = `${this.#place(`tunnel.${index}`)}: tunnel "${entry.name}" wants local port ${port}, which tunnel "${holder.name}" of line ${holder.position.line} has`;
          this.#mistakes.push({ text });
        }
        ports.set(port, entry);
      }
    }
  }

  #place(path: string): string {
    const position = this.#positions.get(path);
    return position === undefined ? "the file" : `line ${position.line}, column ${position.column}`;
  }
}

function toWord(given: unknown, rule: FieldRule): Words[string] | undefined {
  if (typeof given === "boolean") return rule.types.includes("boolean") ? given : undefined;
  if (typeof given === "number") return rule.types.includes("number") ? String(given) : undefined;
  if (typeof given === "string") return rule.types.includes("string") && given !== "" ? given : undefined;
  const isTexts = Array.isArray(given) && given.every((item) => typeof item === "string" && item !== "");
  return rule.types.includes("list") && isTexts ? given.map(String) : undefined;
}

function describe(given: unknown): string {
  if (given === "") return "an empty text";
  if (typeof given === "string") return `the text ${JSON.stringify(given)}`;
  if (Array.isArray(given)) return "a list";
  return isTable(given) ? "a table" : String(given);
}

function describeTunnel(table: unknown, index: number): string {
  const name = isTable(table) ? table["name"] : undefined;
  return typeof name === "string" ? `tunnel "${name}"` : `tunnel ${index + 1}`;
}

/** Stays the same when entries are added or moved. */
function defaultName(words: ProjectWords): string {
  const port = words["local-port"] ?? words["preferred-port"] ?? words["remote-port"];
  return [words["run"], port].filter((part) => typeof part === "string").join(":");
}

function localPortsOf(words: ProjectWords): readonly number[] {
  const text = words["local-port"] ?? (words["preferred-port"] === undefined ? words["remote-port"] : undefined);
  if (typeof text !== "string") return [];
  const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(text);
  const first = Number(match?.[1] ?? 0);
  const last = Number(match?.[2] ?? first);
  const [low, high] = first <= last ? [first, last] : [last, first];
  return low === 0 ? [] : Array.from({ length: high - low + 1 }, (_, index) => low + index);
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
