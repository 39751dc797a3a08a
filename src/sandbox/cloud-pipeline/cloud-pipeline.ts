// The embedded Cloud Pipeline: API, two EDGE proxies, and a machine for each run, joined into one world.
import { join } from "node:path";
import { isIpAddress } from "../../domain/endpoint.ts";
import type { Log } from "../../domain/log.ts";
import type { Account } from "../run-host/run-folder.ts";
import { RunHost } from "../run-host/run-host.ts";
import { ApiServer } from "./api-server.ts";
import { Edge, type EdgeTarget } from "./edge.ts";
import { authorizeConnect, type EdgeVerdict } from "./edge-authorization.ts";
import { type ApiWorld, answerRequest } from "./rest-api.ts";
import { ADMIN, FRIEND, findRootPassword, loginName, RunBook, type RunStatus, type SandboxRun, USER } from "./runs.ts";
import { TokenMint } from "./tokens.ts";
import { WebFront } from "./web-front.ts";

/** What the platform is made from. */
export type CloudPipelineOptions = {
  readonly log: Log;
  readonly folder: string;
  readonly host: string;
  readonly apiPort: number;
  readonly edgePort: number;
  readonly edgeScheme: "http" | "https";
  readonly edgeAuthentication: boolean;
  readonly edgeIdleCutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly now: () => number;
};

/** Region of the EDGE that is asked for without a region, and of the other one. */
const DEFAULT_REGION = "eu-central";
const OTHER_REGION = "eu-west";

/** Life of the exported tokens: past the week in which clients begin to warn. */
const TOKEN_LIFETIME_MS = 30 * 24 * 3_600_000;

/** Hosts that need no run behind them: EDGE's whitelist. */
const WHITELIST = ["127.0.0.1", "localhost"];

/** One embedded Cloud Pipeline. */
export class CloudPipeline {
  readonly runs = new RunBook();
  readonly preferences = new Map([
    ["system.ssh.default.root.user.enabled", "true"],
    ["default.edge.region", DEFAULT_REGION],
  ]);
  readonly mint: TokenMint;
  readonly api: ApiServer;
  /** One for each region, the default one first. */
  readonly edges: ReadonlyMap<string, Edge>;
  /** Whether EDGE looks at credentials at all. */
  edgeAuthentication: boolean;
  readonly #options: CloudPipelineOptions;
  readonly #world: ApiWorld;
  readonly #web: WebFront;
  readonly #hosts = new Map<number, RunHost>();
  #apiIsUp = true;

  private constructor(options: CloudPipelineOptions, mint: TokenMint) {
    this.#options = options;
    this.mint = mint;
    this.edgeAuthentication = options.edgeAuthentication;
    this.#web = new WebFront(options.host, options.now);
    const { runs, preferences } = this;
    this.#world = { runs, mint, preferences, edgeUrl: (region) => this.edgeUrl(region) };
    this.api = new ApiServer({ host: options.host, port: options.apiPort }, this.#world);
    this.edges = new Map([
      [DEFAULT_REGION, this.#makeEdge(options.edgePort)],
      [OTHER_REGION, this.#makeEdge(0)],
    ]);
  }

  /** Starts API and EDGE. */
  static async start(options: CloudPipelineOptions): Promise<CloudPipeline> {
    const platform = new CloudPipeline(options, await TokenMint.create(options.now));
    const servers = [platform.api, ...platform.edges.values()];
    const results = await Promise.allSettled(servers.map((server) => server.up()));
    const failure = results.find((result) => result.status === "rejected");
    if (failure === undefined) return platform;
    await platform.close();
    throw failure.reason;
  }

  /** What `cluster/edge/externalUrl` says for a region. */
  edgeUrl(region = this.preferences.get("default.edge.region")): string | undefined {
    const edge = this.edges.get(region ?? DEFAULT_REGION);
    return edge === undefined ? undefined : `${this.#options.edgeScheme}://${this.#options.host}:${edge.port}`;
  }

  issueToken(user: "user" | "admin", lifetimeMs = TOKEN_LIFETIME_MS): string {
    return this.mint.issue(user === "admin" ? ADMIN : USER, lifetimeMs);
  }

  /** The machine of a run, whether it runs or not. */
  hostOf(id: number): RunHost {
    const known = this.#hosts.get(id);
    if (known !== undefined) return known;
    const { folder, host, environment, log } = this.#options;
    const name = `pipeline-${this.runs.get(id).id}`;
    const made = new RunHost({
      name,
      folder: join(folder, "runs", name),
      host,
      accounts: () => this.#accountsOf(this.runs.get(id)),
      environment,
      log,
    });
    this.#hosts.set(id, made);
    return made;
  }

  /** Brings a run into a state; leaving RUNNING ends its machine. */
  async setRunStatus(id: number, status: RunStatus): Promise<void> {
    this.runs.update(id, { status });
    if (status !== "RUNNING") await this.hostOf(id).close();
  }

  /** Lets a run go on in another pod: after a pause with the host keys it had, after a restart with new ones. */
  async resumeRun(
    id: number,
    options: { readonly podIp?: string | undefined; readonly newHostKeys: boolean },
  ): Promise<SandboxRun> {
    await this.hostOf(id).close();
    if (options.newHostKeys) this.hostOf(id).renewHostKeys();
    this.runs.movePod(id, options.podIp);
    return this.runs.update(id, { status: "RUNNING", initialization: "SUCCESS" });
  }

  /** Takes the API away, or brings it back on the same port. EDGE notices too. */
  async setApiUp(up: boolean): Promise<void> {
    this.#apiIsUp = up;
    await (up ? this.api.up() : this.api.down());
  }

  async close(): Promise<void> {
    await Promise.all([this.api.down(), ...[...this.edges.values()].map((edge) => edge.down())]);
    await Promise.all([this.#web.close(), ...[...this.#hosts.values()].map((host) => host.close())]);
  }

  #makeEdge(port: number): Edge {
    return new Edge({
      address: { host: this.#options.host, port },
      log: this.#options.log,
      idleCutMs: this.#options.edgeIdleCutMs,
      now: this.#options.now,
      authorize: (header, host) => this.#authorize(header, host),
      resolve: (host, targetPort) => this.#resolve(host, targetPort),
      serveTls: (socket, firstBytes) => this.#web.serve(socket, firstBytes),
    });
  }

  #authorize(header: string | undefined, host: string): EdgeVerdict {
    if (!this.edgeAuthentication) return "allow";
    return authorizeConnect(header, host, {
      mint: this.mint,
      whitelist: WHITELIST,
      askApi: (request) => (this.#apiIsUp ? answerRequest(this.#world, request) : undefined),
    });
  }

  /** Pods by the cluster's own table, loopback as it is, and nothing else: no byte leaves this machine. */
  async #resolve(host: string, port: number): Promise<EdgeTarget | undefined> {
    const run = this.runs.findByPod(host);
    if (run !== undefined) return this.hostOf(run.id).findPort(port);
    const isLoopback = host === "localhost" || host === "::1" || (isIpAddress(host) && host.startsWith("127."));
    return isLoopback ? { host, port, talksFirst: false } : undefined;
  }

  /** root with the run's password; everybody else with the account's own name, owners of Windows runs with either. */
  #accountsOf(run: SandboxRun): readonly Account[] {
    const names = new Set([loginName(run.owner), loginName(USER.name), loginName(FRIEND.name)]);
    const password = findRootPassword(this.runs, run);
    const windowsOwner = run.platform === "windows" ? [{ name: loginName(run.owner), password }] : [];
    return [{ name: "root", password }, ...[...names].map((name) => ({ name, password: name })), ...windowsOwner];
  }
}
