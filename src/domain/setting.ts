// What platforms and transports declare as configurable; cli turns the declarations into flags, variables and TOML keys.

/** One configurable value. */
export type SettingDeclaration = {
  /** Dotted key in the TOML file: `cloud-pipeline.api`. */
  readonly key: string;
  /** Environment variables, first wins. */
  readonly variables: readonly string[];
  /** Long flag without dashes, where the value may be given on the command line. Never for secrets. */
  readonly flag?: string;
  readonly kind: "text" | "boolean" | "port" | "secret";
  readonly description: string;
  /** File in the configuration folder that a command keeps the value in; asked last. */
  readonly storedIn?: string;
};

/** A value and the place it came from, as `config show` prints it. */
export type SettingValue = { readonly value: string; readonly source: string };

/** Looks settings up by key; flag, environment and TOML file are already weighed. Read anew for every resolve. */
export interface Settings {
  find(key: string): SettingValue | undefined;
}

/** One row of `config show`. */
export type ConfigurationRow = {
  readonly key: string;
  /** Absent when not set anywhere; secrets come masked. */
  readonly value?: string;
  readonly source: string;
};
