// The sandbox: an embedded platform on loopback, with runs inside, for trying everything without an account and for tests.
import type { Log } from "../domain/log.ts";
import { type BackendAiSandbox, startBackendAiSandbox } from "./backend-ai/backend-ai-sandbox.ts";
import { CloudPipeline } from "./cloud-pipeline/cloud-pipeline.ts";
import type { RunStatus } from "./cloud-pipeline/runs.ts";
import { ControlServer, obeyWords } from "./control.ts";
import { SessionHosts } from "./session-hosts.ts";
import { obeySessionWords, type Sessions } from "./session-words.ts";

/** How to start a sandbox. */
export type SandboxOptions = {
  readonly log: Log;
  /** Scratch folder for the files of the runs; the caller makes it and wipes it after `close()`. */
  readonly folder: string;
  /** Address everything listens on; default 127.0.0.1. */
  readonly host?: string;
  /** Ports; default 0, any free one. */
  readonly apiPort?: number;
  readonly edgePort?: number;
  /** What the API says about EDGE; CONNECT is plain text either way. Default http. */
  readonly edgeScheme?: "http" | "https";
  /** Whether EDGE asks for credentials; default true. */
  readonly edgeAuthentication?: boolean;
  /** EDGE cuts connections without a byte for so long; default 60000, as on a real deployment. */
  readonly edgeIdleCutMs?: number;
  /** Variables that commands in runs get from this machine (on Windows at least PATH and SystemRoot). */
  readonly commandEnvironment?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, for tokens. */
  readonly now?: () => number;
};

/** A running sandbox. */
export type Sandbox = {
  /** What a user must export to use it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly apiUrl: string;
  /** URL of the default region's EDGE, as the API tells it. */
  readonly edgeUrl: string;
  /** Token of the ordinary user who owns the runs. */
  readonly token: string;
  readonly adminToken: string;
  /** Everything inside, for tests that look closer. */
  readonly platform: CloudPipeline;
  /** The Backend.AI half. */
  readonly backendAi: BackendAiSandbox;
  setRunState(id: number, status: RunStatus): Promise<void>;
  /** Obeys one command as `runtunnel sandbox ...` sends it, and returns the answer. */
  control(words: readonly string[]): Promise<string>;
  /** Ends every listener, connection and process. Safe to call twice. */
  close(): Promise<void>;
};

const DEFAULT_IDLE_CUT_MS = 60_000;

/** Starts a sandbox; whoever starts it closes it. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? "127.0.0.1";
  const platform = await CloudPipeline.start({
    log: options.log,
    folder: options.folder,
    host,
    apiPort: options.apiPort ?? 0,
    edgePort: options.edgePort ?? 0,
    edgeScheme: options.edgeScheme ?? "http",
    edgeAuthentication: options.edgeAuthentication ?? true,
    edgeIdleCutMs: options.edgeIdleCutMs ?? DEFAULT_IDLE_CUT_MS,
    environment: options.commandEnvironment ?? {},
    now: options.now ?? Date.now,
  });
  const sessions = await startSessions(options, host).catch(async (error: unknown) => {
    await platform.close();
    throw error;
  });
  const obey = async (words: readonly string[]): Promise<string> =>
    words[0] === "session" ? obeySessionWords(sessions, words.slice(1)) : obeyWords(platform, words);
  const control = await ControlServer.start(host, obey);
  const token = platform.issueToken("user");
  return {
    environment: {
      API: platform.api.url,
      API_TOKEN: token,
      ...sessions.manager.environment,
      RUNTUNNEL_SANDBOX: control.url,
    },
    apiUrl: platform.api.url,
    edgeUrl: platform.edgeUrl() ?? "",
    token,
    adminToken: platform.issueToken("admin"),
    platform,
    backendAi: sessions.manager,
    setRunState: (id, status) => platform.setRunStatus(id, status),
    control: obey,
    close: async () => {
      await control.close();
      await sessions.manager.close();
      await sessions.hosts.close();
      await platform.close();
    },
  };
}

/** The Backend.AI half, with a machine behind each session. */
async function startSessions(options: SandboxOptions, host: string): Promise<Sessions> {
  const hosts = new SessionHosts({
    folder: options.folder,
    host,
    environment: options.commandEnvironment ?? {},
    authorizedKey: () => manager.authorizedKey(),
    log: options.log,
  });
  const manager: BackendAiSandbox = await startBackendAiSandbox({
    host,
    target: (session, app) => hosts.findPort(session, app),
  });
  return { manager, hosts };
}
