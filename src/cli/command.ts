// The shape of one command: how it is described, which options it takes, what it does.
import type { Argv } from "yargs";
import type { Settings } from "../domain/setting.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { CliConfiguration } from "./configuration.ts";
import type { World } from "./world.ts";

/** Parsed words of one call. Unknown until an option reader has looked. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What a command gets to work with. */
export type CommandRun = {
  readonly world: World;
  readonly arguments: Arguments;
  /** Flags, environment and configuration file, weighed. */
  readonly settings: Settings;
  /** Where the settings come from, for commands that add to them. */
  readonly configuration: CliConfiguration;
  readonly context: AppContext;
  /** Whether `--json` was given. */
  readonly json: boolean;
  /** Prints an answer: the data as JSON, or its text for people. */
  readonly print: (data: unknown, text: () => string) => void;
};

/** One command, in one file of `commands/`. */
export type Command = {
  /** As yargs wants it: `start <run>`. */
  readonly usage: string;
  readonly summary: string;
  readonly details?: string;
  /** Command line and what it is good for; at least two. */
  readonly examples: readonly (readonly [string, string])[];
  readonly hidden?: boolean;
  /** Whether `--profile` names one to write, which need not exist. */
  readonly writesProfile?: boolean;
  /** Whether it goes on without settings where a configuration file cannot be read: a slip in a file must not keep
   * anybody from seeing and stopping tunnels. */
  readonly toleratesBadSettings?: boolean;
  readonly options: (yargs: Argv) => Argv;
  /** Returns the exit code, 0 when nothing is returned. */
  readonly run: (run: CommandRun) => Promise<number | undefined>;
};
