// `service run`: the story of a supervisor. It reads the file, brings the machine to it, keeps it there, and tells
// whoever watches: systemd, the state file, the status page.
import { AppError, ConflictError, errorMessage } from "../../domain/errors.ts";
import { withFileLock } from "../../os/file-lock.ts";
import { openNotifier, type ServiceNotifier, SILENT_NOTIFIER } from "../../os/sd-notify.ts";
import type { AppContext } from "../context.ts";
import { startControlServer } from "../control/control-server.ts";
import { type Project, resolveProject, type WantedTunnel } from "../project/project.ts";
import { readProjectSource } from "../project/project-source.ts";
import { ServiceBoard } from "./service-board.ts";
import { heldEntries, prepareServiceLock, releaseEntry } from "./service-files.ts";
import { RegistryFleet } from "./service-fleet.ts";
import { Supervisor } from "./service-supervisor.ts";

/** `service run` as asked for. */
export type ServiceOptions = {
  /** Absolute path of the file. */
  readonly file: string;
  /** Makes a project of the file's text. */
  readonly load: (source: { readonly file: string; readonly text: string }) => Promise<Project>;
  /** Where systemd wants notices, and how often a sign of life, milliseconds. */
  readonly notifySocket?: string;
  readonly watchdogMs?: number;
  /** Calls the listener when the operating system's signal asks for a reload. */
  readonly onReload: (listener: () => void) => void;
};

/** How long the first tries may hold up the word that the service is ready. */
const READY_PATIENCE_MS = 60_000;
/** The lock is tried for this long: a supervisor that was killed a moment ago may still be ending. */
const LOCK_PATIENCE_MS = 2000;
/** Stopping takes what connections get, and this for undoing what tunnels configured. */
const STOP_MARGIN_MS = 30_000;

/** Supervises the tunnels of a file until the context's signal is aborted or a command stops it. */
export async function runService(options: ServiceOptions, context: AppContext): Promise<void> {
  const source = await readProjectSource(options.file, context);
  const project = await options.load(source);
  const wanted = await resolveProject(project, context);
  const lock = await prepareServiceLock(project.file, context);
  const { processes } = context;
  const party = {
    self: processes.self(),
    isAlive: processes.isAlive.bind(processes),
    machine: processes.machine(),
    clock: context.clock,
    timeoutMs: LOCK_PATIENCE_MS,
  };
  try {
    await withFileLock(lock, party, () => new Service(options, project, context).run(wanted));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "locked") throw error;
    throw new ConflictError(`Another supervisor already looks after "${project.file}"`, {
      code: "already-supervised",
      hint: 'See "runtunnel service status"; "runtunnel service reload" makes it read the file anew',
      cause: error,
    });
  }
}

class Service {
  readonly #options: ServiceOptions;
  readonly #context: AppContext;
  readonly #notifier: ServiceNotifier;
  readonly #supervisor: Supervisor;
  readonly #board: ServiceBoard;
  readonly #fleet: RegistryFleet;
  readonly #stopping = new AbortController();
  #project: Project;
  #stopTimeoutMs: number;
  /** The reading under way or the last one; never rejects. */
  #reading: Promise<string | undefined> = Promise.resolve(undefined);
  /** The reading that has been asked for and has not begun. */
  #nextReading: Promise<string | undefined> | undefined;
  #watchdogAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServiceOptions, project: Project, context: AppContext) {
    this.#options = options;
    this.#project = project;
    this.#context = context;
    this.#stopTimeoutMs = project.service.stopTimeoutMs;
    this.#notifier = options.notifySocket === undefined ? SILENT_NOTIFIER : openNotifier(options.notifySocket);
    this.#fleet = new RegistryFleet(project.file, context);
    this.#supervisor = new Supervisor({
      file: project.file,
      fleet: this.#fleet,
      clock: context.clock,
      random: context.random,
      log: context.log,
      onPass: () => this.#onPass(),
    });
    this.#board = new ServiceBoard({
      file: project.file,
      context,
      fleet: this.#fleet,
      slots: () => this.#supervisor.slots,
      onStatusText: (status) => this.#notifier.notify({ status }),
    });
  }

  async run(wanted: readonly WantedTunnel[]): Promise<void> {
    const { log, signal } = this.#context;
    const done = Promise.withResolvers<void>();
    const control = startControlServer(this.#board.token, (request, reply) => {
      if (request.kind === "reload") {
        void this.#reload().then((mistake) =>
          reply({ kind: "reloaded", ...(mistake === undefined ? {} : { mistake }) }),
        );
      } else if (request.kind === "stop") {
        this.#stopTimeoutMs = request.timeoutMs;
        this.#stopping.abort();
        void done.promise.then(() => reply({ kind: "stopped" }));
      } else reply({ kind: "refused", message: "A supervisor's figures are in its state file" });
    });
    const stopSignal = AbortSignal.any([signal, this.#stopping.signal]);
    try {
      this.#board.open(control.port, this.#project.service.listen);
      this.#supervisor.setWanted(wanted);
      this.#options.onReload(() => void this.#reload());
      void this.#sayReady(stopSignal);
      log.info(`Looking after ${wanted.length} tunnels`, { file: this.#project.file });
      await this.#supervisor.run(stopSignal);
      const extendTimeoutMs = this.#stopTimeoutMs + STOP_MARGIN_MS;
      this.#notifier.notify({ stopping: true, status: "Stopping tunnels", extendTimeoutMs });
      await this.#supervisor.stopAll(this.#stopTimeoutMs);
      log.info("Stopped");
    } finally {
      await this.#board.close();
      done.resolve();
      // The last word needs a moment to leave before the channel goes.
      setImmediate(() => control.close());
      this.#notifier.close();
    }
  }

  async #sayReady(signal: AbortSignal): Promise<void> {
    await this.#firstRound();
    if (signal.aborted) return;
    await this.#board.refresh();
    this.#notifier.notify({ ready: true, status: this.#board.statusText });
  }

  /** Resolves when every tunnel was tried once, or when that takes too long or the service stops. */
  async #firstRound(): Promise<void> {
    const nap = new AbortController();
    const { clock, signal } = this.#context;
    const patience = clock.sleep(READY_PATIENCE_MS, nap.signal).catch(() => undefined);
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    const stopped = new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([this.#supervisor.settled(), patience, stopped]);
    // A timer that is left would keep the process from ending.
    nap.abort();
  }

  /** Reads the file anew and applies the difference; resolves to what is wrong with the file when all is through. Whoever
   * asks while the file is being read has it read once more: what changed meanwhile may have been missed. */
  async #reload(): Promise<string | undefined> {
    this.#nextReading ??= this.#reading.then(() => {
      this.#nextReading = undefined;
      return this.#readAnew();
    });
    const reading = this.#nextReading;
    this.#reading = reading;
    const mistake = await reading;
    if (mistake === undefined) await this.#firstRound();
    await this.#board.refresh();
    this.#notifier.notify({ ready: true, status: this.#board.statusText });
    return mistake;
  }

  async #readAnew(): Promise<string | undefined> {
    const { log } = this.#context;
    this.#notifier.notify({ reloading: true, status: "Reading the file anew" });
    try {
      const project = await this.#options.load(await readProjectSource(this.#options.file, this.#context));
      const wanted = await resolveProject(project, this.#context);
      this.#board.listen(project.service.listen);
      for (const [entry] of await heldEntries(this.#project.file, this.#context)) {
        await releaseEntry({ file: this.#project.file, entry }, this.#context);
      }
      this.#project = { ...project, file: this.#project.file };
      this.#stopTimeoutMs = project.service.stopTimeoutMs;
      this.#supervisor.setWanted(wanted);
      this.#board.note(undefined);
      log.info(`Read the file anew: ${wanted.length} tunnels`);
      return undefined;
    } catch (error) {
      // The old text stays in force: a typing mistake must not take tunnels away.
      log.error(`Cannot reload, everything stays as it was: ${errorMessage(error)}`);
      this.#board.note(`reload failed: ${errorMessage(error)}`);
      return errorMessage(error);
    }
  }

  #onPass(): void {
    const { watchdogMs } = this.#options;
    const now = this.#context.clock.monotonicMs();
    if (watchdogMs !== undefined && now - this.#watchdogAtMs >= watchdogMs / 4) {
      this.#watchdogAtMs = now;
      this.#notifier.notify({ watchdog: true });
    }
    void this.#board.refresh();
  }
}
