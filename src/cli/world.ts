// What the command line may reach of the outside: streams, environment, and the maker of contexts. Built in main.ts.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { LogLevel } from "../domain/log.ts";
import type { SettingDeclaration } from "../domain/setting.ts";
import type { AppContext, Configuration, Progress } from "../tunnel/context.ts";
import type { ServiceHost } from "../tunnel/service/service-install.ts";
import type { Prompts } from "./prompts.ts";

/** A place to print to. */
export type Output = {
  /** Prints; what others wrote cannot steer the terminal. */
  write(text: string): void;
  /** Steers the terminal: the sequences between the pieces are ours, the pieces are printed as `write` would. */
  steer(sequences: TemplateStringsArray, ...pieces: readonly string[]): void;
  /** From now on the listener is told when nobody reads any more (`| head`), in place of an error. */
  onGone(listener: () => void): void;
  readonly isTty: boolean;
  /** Width in characters as it is now; 80 where unknown. */
  readonly columns: number;
  /** Height in lines as it is now; 24 where unknown. */
  readonly rows: number;
  readonly hasColor: boolean;
};

/** Standard input and output as one stream. */
export interface Stdio extends ByteStream {
  /** What the output could not be written for; a reader that went away is no failure. */
  readonly failure: Error | undefined;
}

/** What a context is made of. */
export type ContextRequest = {
  readonly configuration: Configuration;
  readonly logLevel: LogLevel;
  /** A file that takes the log, with times; absent: a person reads it on stderr. */
  readonly logFile?: string;
  /** Whether stderr goes to the system's journal, which wants each line's level in front. */
  readonly isJournal?: boolean;
  readonly progress: Progress;
};

/** The outside world, for the command line. */
export type World = {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingFolder: string;
  readonly homeFolder: string;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly configFile: string;
  readonly declarations: readonly SettingDeclaration[];
  readonly clientVariables: readonly string[];
  readonly readConfigFile: (path: string) => Promise<string | undefined>;
  readonly readStdin: () => Promise<string>;
  readonly createContext: (request: ContextRequest) => AppContext;
  readonly version: string;
  readonly isWindows: boolean;
  /** Questions to a person; absent where input or messages do not go to a terminal. */
  readonly prompts?: Prompts;
  /** Asks on the terminal; absent where there is none. */
  readonly ask?: (prompt: string) => Promise<string>;
  /** Asks on the terminal without echo; absent where there is none. */
  readonly askSecret?: (prompt: string) => Promise<string>;
  /** Standard input and output as one stream. */
  readonly openStdio: () => Stdio;
  /** From now on the operating system's signal for that calls the listener instead of ending the program. */
  readonly onReload: (listener: () => void) => void;
  /** What keeps programs running on this system. */
  readonly serviceManager: () => Promise<ServiceHost>;
};
