// The contract of a platform: it recognises names of runs and turns them into routes.
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Route, SshLogin } from "../domain/route.ts";
import type { Claim } from "../domain/run-name.ts";
import type { Secret } from "../domain/secret.ts";
import type { ConfigurationRow, SettingDeclaration, Settings } from "../domain/setting.ts";

/** What a platform may reach while it works. Everything is read anew at each call, so renewed tokens are seen. */
export type PlatformContext = {
  readonly settings: Settings;
  /** The declared `clientVariables` and the proxy variables, as the environment had them. */
  readonly environment: Readonly<Record<string, string>>;
  /** The user's home folder, where the platform's own client keeps its files. */
  readonly homeFolder: string;
  readonly log: Log;
  /** Wall clock for token expiry and signatures, sleeping for retries. */
  readonly clock: Clock;
};

/** Options of one resolve, from the command line. */
export type ResolveOptions = {
  /** Reach the run without the platform's proxy. */
  readonly direct: boolean;
  readonly region?: string;
  /** Act as this user (administrators). */
  readonly actAs?: string;
  /** The service of the run to reach, where the platform knows services by name. */
  readonly app?: string;
  /** A key of the user's own; makes passwordless SSH possible where the platform hands out no login. */
  readonly identityGiven: boolean;
  /** False where nobody will log in, so that looking up logins can be spared. Default true. */
  readonly sshWanted?: boolean;
  /** Tries per API call; default: the platform's choice. */
  readonly retries?: number;
  readonly signal: AbortSignal;
};

/** How somebody may get a shell on the run, for passwordless SSH. */
export type SshAccess = {
  /** Login that may install keys for every account in `accounts`; absent where keys come ready-made. */
  readonly administrator?: SshLogin;
  /** Accounts to authorise when the user names none; the first is the default login. */
  readonly accounts: readonly string[];
  /** A login that works as it is, key included (Backend.AI's `id_container`). */
  readonly ready?: SshLogin;
  readonly system: "linux" | "windows";
};

/** A run that was found and may be connected to. */
export type ResolvedRun = {
  readonly platform: string;
  /** Canonical id, see RunReference. */
  readonly id: string;
  /** Name for people and default SSH alias: `pipeline-56819`. */
  readonly name: string;
  /** Changes when another machine answers behind the same id (resumed run, new session of the same name). */
  readonly incarnation: string;
  readonly route: Route;
  readonly ssh?: SshAccess;
  /** Remote port for the app asked for, where the user gave none. */
  readonly defaultRemotePort?: number;
  /** Warnings for the user: token expires soon. */
  readonly notes: readonly string[];
};

/** A service that a run offers by name. */
export type RunApp = { readonly name: string; readonly protocol: string; readonly ports: readonly number[] };

/** Who logs in at a platform's web page. */
export type WebCredentials = {
  readonly user: string;
  readonly password: Secret;
  /** Code of the second factor. */
  readonly otp?: string;
};

/** Logins that a platform keeps between calls. */
export interface PlatformLogin {
  /** Key of the setting that holds the login; its declaration says in which file it is kept. */
  readonly settingKey: string;
  /** Logs in and returns what is to be kept, mode 0600. Throws AuthError, `otp-required` where a second factor is asked for. */
  login(credentials: WebCredentials, context: PlatformContext, signal: AbortSignal): Promise<Secret>;
  /** Ends the kept login at the server; one that has expired is no error. */
  logout(context: PlatformContext, signal: AbortSignal): Promise<void>;
}

/** Knows the runs of one kind of service. Errors: AuthError, NotFoundError, UnreachableError with a hop. */
export interface Platform {
  /** As in `--platform NAME`. */
  readonly name: string;
  /** As in `cp:56819`. */
  readonly prefix: string;
  /** For people: `Cloud Pipeline`. */
  readonly title: string;
  readonly settings: readonly SettingDeclaration[];
  /** Environment variables of the platform's own client that it wants to see. */
  readonly clientVariables: readonly string[];
  /** Whether runs offer services by name, so that remote ports may be left out. */
  readonly hasApps?: boolean;
  /** Reads a name by its form alone; undefined when the form does not fit. Canonical id and how sure. */
  recognise(name: string): { readonly id: string; readonly claim: Claim } | undefined;
  /** What people call the run of this canonical id, before the platform was asked: `pipeline-56819`. */
  displayName(id: string): string;
  /** Whether enough is configured to ask the platform anything; never asks the network. */
  isConfigured(context: PlatformContext): Promise<boolean>;
  /** What is configured and where it came from, secrets masked. */
  describeConfiguration(context: PlatformContext): Promise<readonly ConfigurationRow[]>;
  resolve(id: string, options: ResolveOptions, context: PlatformContext): Promise<ResolvedRun>;
  /** Services of a run; present where `hasApps`. */
  listApps?(id: string, context: PlatformContext, signal: AbortSignal): Promise<readonly RunApp[]>;
  /** Present where people log in with a password and the login is kept. */
  readonly login?: PlatformLogin;
  /** Makes this key (private half in OpenSSH format, public half as a line) the one that new runs let in. Absent where
   * accounts have no such key. */
  uploadKey?(privateKey: string, publicKey: string, context: PlatformContext, signal: AbortSignal): Promise<void>;
}
