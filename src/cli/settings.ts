// Weighs flag, environment and TOML file: first wins. Pure; what comes after them is each platform's own business.
import { parse, TomlError } from "smol-toml";
import { UsageError } from "../domain/errors.ts";
import type { SettingDeclaration, Settings, SettingValue } from "../domain/setting.ts";
import { didYouMean } from "./suggest.ts";

/** Everything that may hold settings. */
export type SettingSources = {
  readonly declarations: readonly SettingDeclaration[];
  /** Values of flags by the setting's key. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text of the TOML file; absent when there is none. */
  readonly file?: { readonly path: string; readonly text: string };
  /** Name of the profile to use, from `--profile`; else the environment decides, then the file. */
  readonly profile?: string;
  /** Values that commands keep in files of their own; asked last. */
  readonly stored?: ReadonlyMap<string, SettingValue>;
};

/** The environment variable and the file's key that name the profile. */
export const PROFILE_VARIABLE = "RUNTUNNEL_PROFILE";

/** The profile that a flag or the environment names; an empty variable counts as not set. */
export function chosenProfile(sources: Pick<SettingSources, "environment" | "profile">): string | undefined {
  const named = sources.profile ?? sources.environment[PROFILE_VARIABLE];
  return named === "" ? undefined : named;
}

/** What to call a value in a complaint: the flag, the variable, or the key with its file. */
export function nameSetting(key: string, { source }: SettingValue): string {
  const named = /^(?:flag|environment) (\S+)$/.exec(source)?.[1];
  return named ?? `${key} in ${source}`;
}

type Table = Readonly<Record<string, unknown>>;

/** Settings by key. Throws UsageError for a file that is no TOML, unknown keys, values of the wrong type, or an unknown
 * profile. */
export function weighSettings(sources: SettingSources): Settings {
  const fileValues = sources.file === undefined ? new Map() : readFile(sources.file, sources);
  const byKey = new Map<string, SettingValue>();
  for (const declaration of sources.declarations) {
    const value = find(declaration, sources, fileValues);
    if (value !== undefined) byKey.set(declaration.key, value);
  }
  return { find: (key) => byKey.get(key) };
}

function find(
  declaration: SettingDeclaration,
  sources: SettingSources,
  fileValues: ReadonlyMap<string, SettingValue>,
): SettingValue | undefined {
  const flag = sources.flags[declaration.key];
  if (flag !== undefined) return { value: flag, source: `flag --${declaration.flag ?? declaration.key}` };
  for (const variable of declaration.variables) {
    const value = sources.environment[variable];
    if (value !== undefined && value !== "") return { value, source: `environment ${variable}` };
  }
  return fileValues.get(declaration.key) ?? sources.stored?.get(declaration.key);
}

function readFile(
  file: { readonly path: string; readonly text: string },
  sources: SettingSources,
): ReadonlyMap<string, SettingValue> {
  const root = parseToml(file);
  const { profile: chosen, profiles, ...top } = root;
  const values = new Map<string, SettingValue>();
  collect(top, "", file.path, sources.declarations, values);
  const byDefault = chosen === undefined ? undefined : toText(chosen, "profile", file.path);
  const name = chosenProfile(sources) ?? byDefault;
  if (name === undefined || name === "") return values;
  const profile = isTable(profiles) && Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (!isTable(profile)) {
    const known = isTable(profiles) ? Object.keys(profiles) : [];
    throw new UsageError(`There is no profile "${name}" in "${file.path}"`, {
      hint:
        known.length === 0
          ? `Add a table [profiles.${name}]`
          : (didYouMean(name, known) ?? `Profiles are: ${known.join(", ")}`),
    });
  }
  collect(profile, "", `${file.path} [profiles.${name}]`, sources.declarations, values);
  return values;
}

function parseToml(file: { readonly path: string; readonly text: string }): Table {
  try {
    return parse(file.text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    const where = cause instanceof TomlError ? `, line ${cause.line}, column ${cause.column}` : "";
    const why = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new UsageError(`Cannot read "${file.path}"${where}: ${why}`, { code: "config-damaged", cause });
  }
}

function collect(
  table: Table,
  prefix: string,
  source: string,
  declarations: readonly SettingDeclaration[],
  values: Map<string, SettingValue>,
): void {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix === "" ? name : `${prefix}.${name}`;
    if (declarations.some((declaration) => declaration.key === key)) {
      values.set(key, { value: toText(value, key, source), source });
    } else if (isTable(value) && declarations.some((declaration) => declaration.key.startsWith(`${key}.`))) {
      collect(value, key, source, declarations, values);
    } else {
      throw new UsageError(`Unknown setting "${key}" in ${source}`, {
        code: "config-unknown-key",
        hint: hintFor(key, declarations),
      });
    }
  }
}

function toText(value: unknown, key: string, source: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  throw new UsageError(`Setting "${key}" in ${source} must be a text, a number or true/false`, { code: "config-type" });
}

function hintFor(key: string, declarations: readonly SettingDeclaration[]): string {
  const all = declarations.map((declaration) => declaration.key);
  const group = key.includes(".") ? key.slice(0, key.indexOf(".") + 1) : "";
  const near = all.filter((known) => known.startsWith(group));
  if (near.length === 0) return didYouMean(key, all) ?? `Known settings: ${all.join(", ")}`;
  // Within a group the group's own name would make everything look near.
  const names = near.map((known) => known.slice(group.length));
  const meant = didYouMean(key.slice(group.length), names, (name) => group + name);
  return meant ?? `Known settings: ${near.join(", ")}`;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
