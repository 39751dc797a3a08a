// What a supervisor shows: the status line, its state file for other commands, and the status page.
import { randomBytes } from "node:crypto";
import type { Endpoint } from "../../domain/endpoint.ts";
import { errorMessage } from "../../domain/errors.ts";
import type { AppContext } from "../context.ts";
import { removeSupervisorState, writeSupervisorState } from "./service-files.ts";
import { type ServiceHttp, startServiceHttp } from "./service-http.ts";
import { type ReportedTunnel, renderStatusText } from "./service-report.ts";
import type { Slot } from "./service-slot.ts";
import type { Fleet } from "./service-supervisor.ts";

/** What a board shows and where. */
export type BoardOptions = {
  readonly file: string;
  readonly context: AppContext;
  readonly fleet: Fleet;
  readonly slots: () => readonly Slot[];
  /** Called when the status line changed. */
  readonly onStatusText: (text: string) => void;
};

/** Keeps the outside informed. Writes only what changed. */
export class ServiceBoard {
  readonly token = randomBytes(32).toString("hex");
  readonly #options: BoardOptions;
  readonly #startedAt: number;
  #controlPort = 0;
  #http: ServiceHttp | undefined;
  #listen: Endpoint | undefined;
  #note: string | undefined;
  #written = "";
  #statusText = "";
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#startedAt = options.context.clock.now();
  }

  get statusText(): string {
    return this.#statusText;
  }

  /** Begins to show. Throws ConflictError when the wanted port is taken. */
  open(controlPort: number, listen: Endpoint | undefined): void {
    this.#controlPort = controlPort;
    this.listen(listen);
  }

  /** Serves the status page there, or nowhere. */
  listen(listen: Endpoint | undefined): void {
    const isSame = listen?.host === this.#listen?.host && listen?.port === this.#listen?.port;
    if (isSame) return;
    const { context, file } = this.#options;
    const old = this.#http;
    this.#http =
      listen === undefined
        ? undefined
        : startServiceHttp({ listen, file, startedAt: this.#startedAt, collect: () => this.#collect() });
    this.#listen = listen;
    old?.close();
    if (this.#http !== undefined) context.log.info(`Serving status, health and metrics on ${this.#http.url}`);
    if (listen !== undefined && !/^127\.|^::1$|^localhost$/.test(listen.host)) {
      context.log.warning(`Everybody who can reach ${listen.host} can read the status page`);
    }
  }

  /** Something to say on the status line beside the tunnels. */
  note(text: string | undefined): void {
    this.#note = text;
  }

  /** Writes what changed since the last time; resolves when it is on disk. Never rejects. */
  refresh(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Takes everything away. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#http?.close();
    await this.#writing;
    await removeSupervisorState(this.#options.file, this.#options.context).catch(() => undefined);
  }

  async #write(): Promise<void> {
    if (this.#isClosed) return;
    const { context, file, onStatusText, slots } = this.#options;
    const tunnels = slots().map((slot) => slot.describe());
    const reported = slots().map(toReported);
    const line = renderStatusText(reported, context.clock.now());
    const statusText = this.#note === undefined ? line : `${line}; ${this.#note}`;
    // The countdown to the next try moves all the time; that alone is not news.
    const content = JSON.stringify([
      tunnels.map(({ nextTryAt: _, ...rest }) => rest),
      this.#http?.url,
      this.#note,
      renderStatusText(reported.map(withoutCountdown), 0),
    ]);
    if (content === this.#written) return;
    this.#statusText = statusText;
    try {
      await writeSupervisorState(
        {
          file,
          machine: context.processes.machine(),
          process: context.processes.self(),
          startedAt: this.#startedAt,
          control: { port: this.#controlPort, token: this.token },
          ...(this.#http === undefined ? {} : { url: this.#http.url }),
          statusText,
          tunnels,
        },
        context,
      );
      this.#written = content;
    } catch (error) {
      context.log.debug(`Cannot write the supervisor's state: ${errorMessage(error)}`);
    }
    onStatusText(statusText);
  }

  /** All tunnels with figures that are fresh. */
  async #collect(): Promise<readonly ReportedTunnel[]> {
    const { fleet, slots } = this.#options;
    return Promise.all(
      slots().map(async (slot) => {
        const { record } = slot;
        if (slot.state !== "up" || record === undefined) return { tunnel: slot.describe() };
        const status = await fleet.status(record);
        return { tunnel: slot.describe(), ...(status === undefined ? {} : { status }) };
      }),
    );
  }
}

function toReported(slot: Slot): ReportedTunnel {
  return { tunnel: slot.describe(), ...(slot.status === undefined ? {} : { status: slot.status }) };
}

function withoutCountdown({ status, tunnel }: ReportedTunnel): ReportedTunnel {
  const { nextTryAt: _, ...rest } = tunnel;
  return { tunnel: rest, ...(status === undefined ? {} : { status }) };
}
