// What the page can ask for: the state of all tunnels, and the same things that the commands do.
import * as v from "valibot";
import type { Connection } from "../../domain/connection.ts";
import { NotFoundError, UsageError } from "../../domain/errors.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import {
  type CheckAnswer,
  KEY_FORMATS,
  type LogAnswer,
  type RunsAnswer,
  type StartAnswer,
  type StartForm,
  type StopAnswer,
  type UiState,
} from "../../ui/api.ts";
import { type ConnectionInfo, connectionInfo, renderFileZillaFile } from "../connection-info.ts";
import { type AppContext, type Progress, platformContext } from "../context.ts";
import { diagnose } from "../doctor/doctor.ts";
import { type Listing, listTunnels } from "../list.ts";
import { findRuns } from "../list-runs.ts";
import { showLogFile } from "../logs.ts";
import { readRunKey } from "../run-key.ts";
import { type StartOptions, startTunnel } from "../start.ts";
import { stopSelected } from "../stop.ts";
import { MAX_STEP_MS, TrafficHistory } from "./ui-traffic.ts";
import { viewCheck, viewRun, viewTunnel } from "./ui-view.ts";

/** What the actions need of the command line. */
export type UiWorld = {
  readonly version: string;
  readonly configFile: string;
  /** The dialog's fields as options, with the user's settings as they are now. Throws UsageError. */
  readonly toStartOptions: (form: StartForm) => Promise<StartOptions>;
};

/** A file for the browser to save. */
export type Download = { readonly name: string; readonly contentType: string; readonly text: string };

/** As `stop` without options. */
const STOP_TIMEOUT_MS = 10_000;
/** Several pages, or an impatient one, are answered from one look at the tunnels. */
const FRESH_MS = 400;
/** Enough to search in; older runs are named by hand. */
const MAX_RUNS = 200;
/** What a person reads at once; the whole is in the file. */
const LOG_LINES = 400;

const text = v.pipe(v.string(), v.maxLength(1000));
const startSchema = v.object({
  run: text,
  platform: text,
  localPort: text,
  remotePort: text,
  ssh: v.boolean(),
  sshUser: text,
  alias: text,
  identity: text,
  app: text,
  direct: v.boolean(),
  existing: v.picklist(["refuse", "keep-same", "replace"]),
});
const stopSchema = v.object({ force: v.boolean() });
const formatSchema = v.picklist(KEY_FORMATS);

/** The actions over one registry; lives as long as the server. */
export class UiActions {
  readonly #context: AppContext;
  readonly #world: UiWorld;
  readonly #traffic = new TrafficHistory();
  #listing: { readonly at: number; readonly content: Promise<Listing> } | undefined;

  constructor(context: AppContext, world: UiWorld) {
    this.#context = context;
    this.#world = world;
  }

  /** All tunnels, with what is newer than `since` of their histories. */
  async state(since: number): Promise<UiState> {
    const { clock, platforms, processes } = this.#context;
    const { damaged, tunnels } = await this.#look();
    const user = processes.currentUser();
    const asPlatform = await platformContext(this.#context);
    return {
      now: clock.now(),
      version: this.#world.version,
      user,
      machine: processes.machine(),
      platforms: await Promise.all(
        platforms.map(async (platform) => ({
          name: platform.name,
          title: platform.title,
          isConfigured: await platform.isConfigured(asPlatform),
        })),
      ),
      tunnels: tunnels.map((tunnel) =>
        viewTunnel(tunnel, { user, platforms, since, traffic: this.#traffic.samples(tunnel.record.id, since) }),
      ),
      damaged: damaged.map(({ message, path }) => ({ path, problem: message })),
    };
  }

  /** As `runs`. */
  async runs(): Promise<RunsAnswer> {
    const { platforms } = this.#context;
    const { failures, runs } = await findRuns({ ended: false, limit: MAX_RUNS }, this.#context);
    const views = runs.map((run) => viewRun(run, platforms));
    return {
      runs: [...views.filter(({ isReady }) => isReady), ...views.filter(({ isReady }) => !isReady)],
      failures: failures.map(({ error, platform }) => ({ platform, message: error.message })),
    };
  }

  /** As `start`, in the background; aborting the signal takes everything back. */
  async start(body: unknown, signal: AbortSignal): Promise<StartAnswer> {
    const notes: string[] = [];
    const context = this.#quietContext(notes, signal);
    const options = await this.#world.toStartOptions(decode(startSchema, body));
    const result = await startTunnel(options, context, () => undefined);
    if (result.kind === "served") throw new UsageError("The page starts tunnels in the background only");
    return { id: result.record.id, kept: result.kind === "kept", notes: [...notes, ...result.record.warnings] };
  }

  /** As `stop` for one tunnel. */
  async stop(id: string, body: unknown): Promise<StopAnswer> {
    const { force } = decode(stopSchema, body);
    await this.#find(id);
    const options = { run: id, timeoutMs: STOP_TIMEOUT_MS, force, ignoreOwner: false };
    const [stopped] = await stopSelected(options, this.#quietContext([], this.#context.signal));
    this.#listing = undefined;
    return { how: stopped?.how ?? "stopped" };
  }

  /** As `info`. */
  async connection(id: string): Promise<Connection> {
    const { putty: _, filezilla: __, ...info } = await this.#info(id);
    return info;
  }

  /** As `info --filezilla`. */
  async fileZillaFile(id: string): Promise<Download> {
    const info = await this.#info(id);
    return {
      name: `${info.alias ?? info.run}.xml`,
      contentType: "application/xml; charset=utf-8",
      text: renderFileZillaFile(info),
    };
  }

  /** As `key`. */
  async key(id: string, wanted: string): Promise<Download> {
    const chosen = decode(formatSchema, wanted);
    const { spec, ssh } = await this.#find(id);
    const isPpk = chosen === "ppk" || chosen === "ppk2";
    const format = chosen === "ppk2" ? "ppk" : chosen;
    const options = { format, ...(chosen === "ppk2" ? { ppkVersion: 2 as const } : {}) };
    // A tunnel with passwordless SSH has a key of its own; else the platform is asked for the run's.
    const key =
      ssh === undefined
        ? await readRunKey(spec.run, spec.platform, options, this.#context)
        : await readRunKey(id, undefined, options, this.#context);
    return {
      name: `id_container${isPpk ? ".ppk" : chosen === "pem" ? ".pem" : ""}`,
      contentType: "application/octet-stream",
      text: key,
    };
  }

  /** As `logs`. */
  async log(id: string): Promise<LogAnswer> {
    const { logFile } = await this.#find(id);
    if (logFile === undefined) {
      throw new NotFoundError("This tunnel runs in the foreground and logs to its terminal", { code: "no-log" });
    }
    let lines = "";
    await showLogFile(logFile, { lines: LOG_LINES, follow: false }, this.#context, (part) => {
      lines += part;
    });
    return { path: logFile, text: lines };
  }

  /** As `doctor` for the run of a tunnel: one try for each hop, along the tunnel's own way. Nobody logs in. */
  async check(id: string, signal: AbortSignal): Promise<CheckAnswer> {
    const { spec } = await this.#find(id);
    const { platform, ports, run, ssh: _, ...rest } = spec;
    const options = {
      ...this.#world,
      spec: { ...rest, retries: 1, portFallback: false, waitForRemote: true },
      run,
      platform,
      remotePorts: ports.map(({ remote }) => remote),
      onCheck: () => undefined,
    };
    const { checks } = await diagnose(options, this.#quietContext([], signal));
    return { checks: checks.map(viewCheck) };
  }

  #look(): Promise<Listing> {
    const at = this.#context.clock.monotonicMs();
    if (this.#listing === undefined || at - this.#listing.at > FRESH_MS) {
      // Where nobody has looked for a while, the tunnels themselves know how it was.
      const history = this.#listing === undefined || at - this.#listing.at > MAX_STEP_MS;
      const content = listTunnels({ history }, this.#context).then((listing) => {
        this.#traffic.note(listing.tunnels, this.#context.clock.now());
        return listing;
      });
      this.#listing = { at, content };
    }
    return this.#listing.content;
  }

  async #find(id: string): Promise<TunnelRecord> {
    const { records } = await this.#context.registry.list();
    const record = records.find((candidate) => candidate.id === id);
    if (record === undefined) throw new NotFoundError("This tunnel is gone", { code: "no-tunnel" });
    return record;
  }

  async #info(id: string): Promise<ConnectionInfo> {
    await this.#find(id);
    return connectionInfo({ run: id }, this.#context);
  }

  /** Progress shows in the records; what a person must know is collected. */
  #quietContext(notes: string[], signal: AbortSignal): AppContext {
    const progress: Progress = {
      update: () => undefined,
      done: () => undefined,
      note: (note) => notes.push(note.replace(/^warning: /, "")),
    };
    return { ...this.#context, progress, signal };
  }
}

function decode<Schema extends v.GenericSchema>(schema: Schema, data: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, data);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new UsageError(`Cannot read the request: ${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`);
}
