// The contract of a platform: it recognises names of runs and turns them into routes.
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Route, SshLogin, TlsOptions } from "../domain/route.ts";
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

/** Which of the user's runs to list. */
export type RunQuery = {
  /** Those that are over, too. */
  readonly ended: boolean;
  /** At most so many, the newest. */
  readonly limit: number;
};

/** What a run's state means for a tunnel: `closed`: it runs, but lets no tunnel in. */
export type RunPhase = "ready" | "waiting" | "paused" | "closed" | "ended";

/** One run as lists show it. */
export type ListedRun = {
  /** Canonical id, see RunReference; for sessions the name, which people know. */
  readonly id: string;
  readonly name: string;
  /** The platform's own word. */
  readonly state: string;
  readonly phase: RunPhase;
  readonly owner?: string;
  /** What runs in it: the image. */
  readonly image?: string;
  /** ISO 8601, UTC. */
  readonly startedAt?: string;
};

/** The runs that a query found, newest first; `isComplete` is false where there are more than its limit. */
export type RunList = { readonly runs: readonly ListedRun[]; readonly isComplete: boolean };

/** A service that a run offers by name. */
export type RunApp = { readonly name: string; readonly protocol: string; readonly ports: readonly number[] };

/** Where calls to a platform go and with what right, for whoever looks at the hops one by one. */
export type PlatformAccess = {
  /** Addresses of the service, in the order they are tried. No credentials in them. */
  readonly endpoints: readonly AccessEndpoint[];
  /** One line about the credentials and where they come from, without any part that could be used. */
  readonly credentials: string;
  /** What is worth knowing about them: they expire soon. */
  readonly notes: readonly string[];
};

/** One address, and how calls get there. */
export type AccessEndpoint = { readonly url: string; readonly proxy?: string; readonly tls: TlsOptions };

/** Who the service says we are. */
export type Identity = {
  readonly name: string;
  /** Our clock minus the server's; absent where the server does not tell its time. */
  readonly clockSkewMs?: number;
};

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

/** One thing that setting a platform up asks for. */
export type SetupQuestion = {
  /** Key of the setting that takes the answer. */
  readonly key: string;
  readonly title: string;
  /** Flag of `init` without dashes; secrets have none. */
  readonly flag?: string;
  readonly isSecret: boolean;
  /** The answers that there are, with what they mean; the first is the default. */
  readonly choices?: readonly { readonly value: string; readonly title: string }[];
  /** Asked only where an earlier question got this answer. */
  readonly onlyIf?: { readonly key: string; readonly value: string };
};

/** What the platform's own client has on this machine, as answers by key. */
export type FoundSetup = {
  readonly source: string;
  /** One line for people, without secrets. */
  readonly summary: string;
  readonly answers: ReadonlyMap<string, Secret>;
};

/** How a platform is set up. */
export interface PlatformSetup {
  readonly questions: readonly SetupQuestion[];
  /** What the platform's own client is configured with; undefined where it lacks something. */
  findExisting(context: PlatformContext): Promise<FoundSetup | undefined>;
  /** Asks the server whether the configuration works; who we are there. Throws AuthError, UnreachableError. */
  verify(context: PlatformContext, signal: AbortSignal): Promise<string>;
  /** Whether these answers are complete only with a login (see PlatformLogin). */
  needsLogin?(answers: ReadonlyMap<string, string>): boolean;
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
  /** Whether runs come with a private key of their own, which may be had without passwordless SSH. */
  readonly handsOutKeys?: boolean;
  /** Reads a name by its form alone; undefined when the form does not fit. Canonical id and how sure. */
  recognise(name: string): { readonly id: string; readonly claim: Claim } | undefined;
  /** What people call the run of this canonical id, before the platform was asked: `pipeline-56819`. */
  displayName(id: string): string;
  /** Whether enough is configured to ask the platform anything; never asks the network. */
  isConfigured(context: PlatformContext): Promise<boolean>;
  /** What is configured and where it came from, secrets masked. */
  describeConfiguration(context: PlatformContext): Promise<readonly ConfigurationRow[]>;
  /** Reads addresses and credentials and asks nobody. Throws where they cannot work. Absent where there is no service. */
  describeAccess?(context: PlatformContext): Promise<PlatformAccess>;
  /** The smallest question that only good credentials get an answer to. Absent where there is no service. */
  whoAmI?(context: PlatformContext, signal: AbortSignal): Promise<Identity>;
  /** Every secret that is configured, for whoever must keep them out of a text. Never throws. */
  findSecrets(context: PlatformContext): Promise<readonly Secret[]>;
  resolve(id: string, options: ResolveOptions, context: PlatformContext): Promise<ResolvedRun>;
  /** The runs of the user; absent where the platform knows no runs by itself (plain hosts). */
  list?(query: RunQuery, context: PlatformContext, signal: AbortSignal): Promise<RunList>;
  /** Services of a run; present where `hasApps`. */
  listApps?(id: string, context: PlatformContext, signal: AbortSignal): Promise<readonly RunApp[]>;
  /** Present where there is something to set up. */
  readonly setup?: PlatformSetup;
  /** Present where people log in with a password and the login is kept. */
  readonly login?: PlatformLogin;
  /** Makes this key (private half in OpenSSH format, public half as a line) the one that new runs let in. Absent where
   * accounts have no such key. */
  uploadKey?(privateKey: string, publicKey: string, context: PlatformContext, signal: AbortSignal): Promise<void>;
}
