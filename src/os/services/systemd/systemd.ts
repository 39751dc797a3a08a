// Services under systemd: the user's own manager, or the machine's.
import { mkdir } from "node:fs/promises";
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
import { renderUnit } from "./unit.ts";

/** Where units go and how systemctl is run. */
export type SystemdOptions = {
  /** `~/.config` or what replaces it. */
  readonly userConfigFolder: string;
  readonly systemFolder?: string;
  readonly run: RunTool;
};

/** Where administrators put units (systemd.unit(5)). */
const SYSTEM_FOLDER = "/etc/systemd/system";

/** Services as systemd units. */
export class Systemd implements ServiceManager {
  readonly name = "systemd";
  readonly keepsLogs = true;
  readonly #options: SystemdOptions;

  constructor(options: SystemdOptions) {
    this.#options = options;
  }

  file(definition: ServiceDefinition): ServiceFile {
    return { path: this.#path(definition), content: renderUnit(definition) };
  }

  async install(definition: ServiceDefinition): Promise<void> {
    const { path, content } = this.file(definition);
    await mkdir(dirname(path), { recursive: true });
    await replaceFile(path, content, { mode: 0o644, enforceMode: true });
    await this.#systemctl(definition, "read the unit", ["daemon-reload"]);
    await this.#systemctl(definition, "enable the service", ["enable", unitName(definition)]);
    await this.#systemctl(definition, "start the service", ["restart", unitName(definition)]);
  }

  async uninstall(target: ServiceTarget): Promise<boolean> {
    const { installed } = await this.status(target);
    if (!installed) return false;
    await this.#systemctl(target, "stop the service", ["disable", "--now", unitName(target)]);
    await removeIfExists(this.#path(target));
    await this.#systemctl(target, "forget the unit", ["daemon-reload"]);
    // A unit that failed stays listed until it is forgotten; there is nothing to forget otherwise.
    await this.#run(target, ["reset-failed", unitName(target)]);
    return true;
  }

  async start(target: ServiceTarget): Promise<void> {
    await this.#systemctl(target, "start the service", ["start", unitName(target)]);
  }

  async stop(target: ServiceTarget): Promise<void> {
    await this.#systemctl(target, "stop the service", ["stop", unitName(target)]);
  }

  async status(target: ServiceTarget): Promise<ServiceStatus> {
    const properties = ["LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "StatusText", "Result"];
    const { stdout } = await mustRun(this.#options.run, "ask systemd", [
      ...scoped(target),
      "show",
      unitName(target),
      `--property=${properties.join(",")}`,
    ]);
    const shown = new Map(stdout.split("\n").map((line) => splitOnce(line)));
    const pid = Number(shown.get("MainPID") ?? 0);
    const detail = [`${shown.get("ActiveState")} (${shown.get("SubState")})`, shown.get("StatusText")]
      .filter((text) => text !== undefined && text !== "")
      .join(": ");
    return {
      installed: shown.get("LoadState") !== "not-found",
      enabled: shown.get("UnitFileState") === "enabled",
      running: shown.get("ActiveState") === "active" || shown.get("ActiveState") === "reloading",
      ...(pid > 0 ? { pid } : {}),
      detail,
    };
  }

  logsCommand(target: ServiceTarget, options: { readonly lines: number; readonly follow: boolean }): readonly string[] {
    const unit = target.scope === "user" ? "--user-unit" : "--unit";
    return ["journalctl", unit, unitName(target), "--lines", `${options.lines}`, ...(options.follow ? ["-f"] : [])];
  }

  advice(definition: ServiceDefinition): readonly string[] {
    return definition.scope === "user"
      ? ['It runs while you are logged in; "loginctl enable-linger" lets it run from boot on']
      : [];
  }

  #path(target: ServiceTarget): string {
    const folder =
      target.scope === "user"
        ? join(this.#options.userConfigFolder, "systemd", "user")
        : (this.#options.systemFolder ?? SYSTEM_FOLDER);
    return join(folder, unitName(target));
  }

  async #systemctl(target: ServiceTarget, what: string, words: readonly string[]): Promise<void> {
    await mustRun(this.#options.run, what, [...scoped(target), ...words]);
  }

  async #run(target: ServiceTarget, words: readonly string[]): Promise<void> {
    await this.#options.run([...scoped(target), ...words]);
  }
}

function scoped(target: ServiceTarget): [string, ...string[]] {
  return ["systemctl", `--${target.scope}`];
}

function unitName(target: ServiceTarget): string {
  return `${target.name}.service`;
}

function splitOnce(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}
