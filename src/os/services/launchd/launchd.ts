// Services under launchd: a user's agent or the machine's daemon.
import { access, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { removeIfExists, replaceFile } from "../../atomic-file.ts";
import { mustRun } from "../run-tool.ts";
import type {
  RunTool,
  ServiceDefinition,
  ServiceFile,
  ServiceManager,
  ServiceStatus,
  ServiceTarget,
} from "../service-manager.ts";
import { launchdLabel, renderPlist } from "./plist.ts";

/** Where jobs go and how launchctl is run. */
export type LaunchdOptions = {
  readonly homeFolder: string;
  readonly userId: number;
  readonly run: RunTool;
};

const DAEMON_FOLDER = "/Library/LaunchDaemons";

/** Services as launchd jobs. */
export class Launchd implements ServiceManager {
  readonly name = "launchd";
  readonly keepsLogs = false;
  readonly #options: LaunchdOptions;

  constructor(options: LaunchdOptions) {
    this.#options = options;
  }

  file(definition: ServiceDefinition): ServiceFile {
    return { path: this.#path(definition), content: renderPlist(definition) };
  }

  async install(definition: ServiceDefinition): Promise<void> {
    const { path, content } = this.file(definition);
    await this.#unload(definition);
    await mkdir(dirname(path), { recursive: true });
    await replaceFile(path, content, { mode: 0o644, enforceMode: true });
    await this.start(definition);
  }

  async uninstall(target: ServiceTarget): Promise<boolean> {
    await this.#unload(target);
    return removeIfExists(this.#path(target));
  }

  async start(target: ServiceTarget): Promise<void> {
    const { running } = await this.status(target);
    if (running) return;
    // A loaded job that ended well is started by kickstart, one that was booted out by bootstrap.
    const kicked = await this.#options.run(["launchctl", "kickstart", this.#job(target)]);
    if (kicked.exitCode === 0) return;
    await mustRun(this.#options.run, "start the service", [
      "launchctl",
      "bootstrap",
      this.#domain(target),
      this.#path(target),
    ]);
  }

  async stop(target: ServiceTarget): Promise<void> {
    await this.#unload(target);
  }

  async status(target: ServiceTarget): Promise<ServiceStatus> {
    const installed = await access(this.#path(target)).then(
      () => true,
      () => false,
    );
    const { exitCode, stdout } = await this.#options.run(["launchctl", "print", this.#job(target)]);
    const pid = /^\s*pid = (\d+)/m.exec(stdout)?.[1];
    const state = /^\s*state = (.+)$/m.exec(stdout)?.[1];
    return {
      installed,
      enabled: installed,
      running: exitCode === 0 && pid !== undefined,
      ...(pid === undefined ? {} : { pid: Number(pid) }),
      detail: exitCode === 0 ? (state ?? "loaded") : "not loaded",
    };
  }

  logsCommand(): readonly string[] {
    return [];
  }

  advice(): readonly string[] {
    return [];
  }

  /** Stops the job and takes it out of launchd; a job that is not loaded is fine. */
  async #unload(target: ServiceTarget): Promise<void> {
    const loaded = await this.#options.run(["launchctl", "print", this.#job(target)]);
    if (loaded.exitCode !== 0) return;
    await mustRun(this.#options.run, "stop the service", ["launchctl", "bootout", this.#job(target)]);
  }

  #domain(target: ServiceTarget): string {
    return target.scope === "user" ? `gui/${this.#options.userId}` : "system";
  }

  #job(target: ServiceTarget): string {
    return `${this.#domain(target)}/${launchdLabel(target.name)}`;
  }

  #path(target: ServiceTarget): string {
    const folder = target.scope === "user" ? join(this.#options.homeFolder, "Library", "LaunchAgents") : DAEMON_FOLDER;
    return join(folder, `${launchdLabel(target.name)}.plist`);
  }
}
