// What a use case may reach. Built once in main.ts; tests build their own.
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Settings } from "../domain/setting.ts";
import type { Folders, System } from "../os/paths.ts";
import type { Processes } from "../os/processes/processes.ts";
import type { Platform, PlatformContext } from "../platforms/platform.ts";
import type { Registry } from "../registry/store.ts";
import type { SshClient } from "../ssh/clients/client.ts";
import type { Transport } from "../transports/transport.ts";

/** Tells a person what takes its time; a no-op where nobody watches. */
export interface Progress {
  /** Replaces the current line of progress. */
  update(text: string): void;
  /** Prints a line that stays: a warning or a piece of advice. */
  note(text: string): void;
  /** Takes the line of progress away. */
  done(): void;
}

/** The settings as the command line, the environment and the files have them, and what a child needs to see the same. */
export interface Configuration {
  /** Weighs all sources anew; the TOML file is read at each call. */
  load(): Promise<Settings>;
  /** Environment variables that platforms declared, for `PlatformContext.environment`. */
  readonly environment: Readonly<Record<string, string>>;
  /** What goes to a background process on its standard input, with the file it logs to. Holds secrets. */
  handover(logFile: string): string;
  /** The environment for a background process, without the variables that travel in the handover. */
  readonly childEnvironment: Readonly<Record<string, string>>;
}

/** The world of the use cases. */
export type AppContext = {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly system: System;
  readonly folders: Folders;
  readonly workingFolder: string;
  readonly processes: Processes;
  readonly registry: Registry;
  readonly platforms: readonly Platform[];
  readonly transports: readonly Transport[];
  /** SSH clients that can be told about a run. */
  readonly sshClients: readonly SshClient[];
  /** Variables that tell where the user's programs are and keep their files. */
  readonly userEnvironment: Readonly<Record<string, string>>;
  readonly configuration: Configuration;
  readonly progress: Progress;
  /** Aborted by Ctrl+C and SIGTERM. */
  readonly signal: AbortSignal;
};

/** The context that a platform gets, with settings as they are now. */
export async function platformContext(context: AppContext): Promise<PlatformContext> {
  return {
    settings: await context.configuration.load(),
    environment: context.configuration.environment,
    homeFolder: context.folders.home,
    log: context.log,
    clock: context.clock,
  };
}
