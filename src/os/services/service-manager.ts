// The contract of a service manager: whatever keeps a program running on this system.

/** Whose service: one user's, or the machine's. */
export type ServiceScope = "user" | "system";

/** Which service. */
export type ServiceTarget = { readonly name: string; readonly scope: ServiceScope };

/** A service to install. */
export type ServiceDefinition = ServiceTarget & {
  readonly description: string;
  /** Absolute program and its arguments; no secrets. */
  readonly command: readonly string[];
  /** Variables on top of what the manager gives; no secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** System scope: the account to run as; absent: the manager's own. */
  readonly runAs?: string;
  /** Whether local ports below 1024 are wanted. */
  readonly lowPorts: boolean;
};

/** The file that makes a service, as it is written. */
export type ServiceFile = { readonly path: string; readonly content: string };

/** What the manager says about a service. */
export type ServiceStatus = {
  readonly installed: boolean;
  /** Whether it starts by itself. */
  readonly enabled: boolean;
  readonly running: boolean;
  readonly pid?: number;
  /** The manager's own words. */
  readonly detail?: string;
};

/** Result of one of the system's tools. */
export type ToolResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs one of the system's tools to its end; throws LocalError when it is missing. */
export type RunTool = (command: readonly [string, ...(readonly string[])]) => Promise<ToolResult>;

/** Installs and steers services. Methods throw LocalError with the manager's words. */
export interface ServiceManager {
  readonly name: string;
  /** The file of a service; pure. Throws UsageError for values that it cannot express. */
  file(definition: ServiceDefinition): ServiceFile;
  /** Where the program should log to: the manager's own log, or a file that we must keep. */
  readonly keepsLogs: boolean;
  /** Writes the file, registers the service and starts it. Over an installed one: replaces it and restarts. */
  install(definition: ServiceDefinition): Promise<void>;
  /** Stops the service and leaves nothing of it; false when there was none. */
  uninstall(target: ServiceTarget): Promise<boolean>;
  start(target: ServiceTarget): Promise<void>;
  stop(target: ServiceTarget): Promise<void>;
  status(target: ServiceTarget): Promise<ServiceStatus>;
  /** The command that shows the manager's log of a service; undefined where `keepsLogs` is false. */
  logsCommand(target: ServiceTarget, options: { readonly lines: number; readonly follow: boolean }): readonly string[];
  /** What the user should know after an install. */
  advice(definition: ServiceDefinition): readonly string[];
}
