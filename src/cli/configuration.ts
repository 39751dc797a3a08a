// The settings of this call and of the background process it may start: both see the same flags, the same environment
// and the same files; nothing secret goes through arguments or the child's environment.
import { dirname, join } from "node:path";
import * as v from "valibot";
import { UsageError } from "../domain/errors.ts";
import type { SettingDeclaration, Settings, SettingValue } from "../domain/setting.ts";
import { chosenProfile, PROFILE_VARIABLE, weighSettings } from "./settings.ts";

/** Where settings come from. */
export type ConfigurationSources = {
  readonly declarations: readonly SettingDeclaration[];
  /** Variables of platforms' own clients. */
  readonly clientVariables: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly profile?: string;
  readonly configFile: string;
  /** Text of the file, or undefined when there is none. */
  readonly readConfigFile: (path: string) => Promise<string | undefined>;
};

/** What a background process gets on its standard input. */
export type Handover = {
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly profile?: string;
  /** Where the background process logs to. */
  readonly logFile: string;
};

/** What a service manager tells the process that it started, and nobody else: a child must not answer for it. */
const SUPERVISION_VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/** Settings for use cases; see `Configuration` in src/tunnel/context.ts. */
export class CliConfiguration {
  readonly environment: Readonly<Record<string, string>>;
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly #sources: ConfigurationSources;
  readonly #known: Readonly<Record<string, string>>;

  constructor(sources: ConfigurationSources) {
    this.#sources = sources;
    const settingVariables = sources.declarations.flatMap((declaration) => declaration.variables);
    this.#known = pick(sources.environment, [...settingVariables, ...sources.clientVariables, PROFILE_VARIABLE]);
    this.environment = pick(sources.environment, sources.clientVariables);
    this.childEnvironment = omit(sources.environment, [...Object.keys(this.#known), ...SUPERVISION_VARIABLES]);
  }

  async load(): Promise<Settings> {
    const { configFile, declarations, flags, profile } = this.#sources;
    const text = await this.#sources.readConfigFile(configFile);
    const chosen = chosenProfile(this.#sources);
    if (text === undefined && chosen !== undefined) {
      throw new UsageError(`There is no profile "${chosen}": the file "${configFile}" does not exist`);
    }
    return weighSettings({
      declarations,
      flags,
      environment: this.#known,
      stored: await this.#readStored(),
      ...(text === undefined ? {} : { file: { path: configFile, text } }),
      ...(profile === undefined ? {} : { profile }),
    });
  }

  /** Values that commands keep in files of their own, by key. */
  async #readStored(): Promise<ReadonlyMap<string, SettingValue>> {
    const values = new Map<string, SettingValue>();
    for (const { key, storedIn } of this.#sources.declarations) {
      if (storedIn === undefined) continue;
      const path = storedPath(this.#sources.configFile, storedIn);
      const value = await this.#sources.readConfigFile(path);
      if (value !== undefined) values.set(key, { value, source: path });
    }
    return values;
  }

  /** The same sources with these flags, and this profile where one is given, above the command line's own. */
  derive(flags: Readonly<Record<string, string>>, profile: string | undefined): CliConfiguration {
    return new CliConfiguration({
      ...this.#sources,
      flags: { ...this.#sources.flags, ...flags },
      ...(profile === undefined ? {} : { profile }),
    });
  }

  handover(logFile: string): string {
    const { flags, profile } = this.#sources;
    const handover: Handover = {
      flags,
      environment: this.#known,
      logFile,
      ...(profile === undefined ? {} : { profile }),
    };
    return JSON.stringify(handover);
  }
}

/** Where a value is kept that a command stores. */
export function storedPath(configFile: string, name: string): string {
  return join(dirname(configFile), name);
}

const handoverSchema = v.object({
  flags: v.record(v.string(), v.string()),
  environment: v.record(v.string(), v.string()),
  profile: v.exactOptional(v.string()),
  logFile: v.string(),
});

/** Reads a handover; an empty text (a service manager started us) is none. */
export function decodeHandover(text: string): Handover | undefined {
  if (text.trim() === "") return undefined;
  try {
    return v.parse(handoverSchema, JSON.parse(text));
  } catch (cause) {
    throw new UsageError("The settings on standard input cannot be read", { cause });
  }
}

function pick(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

function omit(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const left: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !names.includes(name)) left[name] = value;
  }
  return left;
}
