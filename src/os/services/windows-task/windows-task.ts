// Services as scheduled tasks of Windows, which every user may have without an administrator.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../../domain/errors.ts";
import { replaceFile } from "../../atomic-file.ts";
import { mustRun } from "../run-tool.ts";
import type {
  RunTool,
  ServiceDefinition,
  ServiceFile,
  ServiceManager,
  ServiceStatus,
  ServiceTarget,
} from "../service-manager.ts";
import { renderTask } from "./task-xml.ts";

/** Whose tasks, and how schtasks is run. */
export type WindowsTaskOptions = { readonly userName: () => string; readonly run: RunTool };

/** Services as scheduled tasks. The scheduler ends a task by ending its process: ask the supervisor to stop first. */
export class WindowsTask implements ServiceManager {
  readonly name = "windows-task";
  readonly keepsLogs = false;
  readonly #options: WindowsTaskOptions;

  constructor(options: WindowsTaskOptions) {
    this.#options = options;
  }

  file(definition: ServiceDefinition): ServiceFile {
    if (Object.keys(definition.environment).length > 0) {
      throw new UsageError(
        `A scheduled task has no environment of its own for ${Object.keys(definition.environment).join(", ")}`,
        { hint: "Set them for the user: setx NAME VALUE, then log in anew and unset them here" },
      );
    }
    return { path: taskName(definition), content: renderTask(definition, this.#options.userName()) };
  }

  async install(definition: ServiceDefinition): Promise<void> {
    const { content } = this.file(definition);
    const folder = await mkdtemp(join(tmpdir(), "runtunnel-task-"));
    try {
      const path = join(folder, "task.xml");
      // The scheduler reads UTF-16 with its mark.
      await replaceFile(path, Buffer.from(`\uFEFF${content}`, "utf16le"));
      await this.#schtasks("register the task", ["/Create", "/TN", taskName(definition), "/XML", path, "/F"]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    await this.start(definition);
  }

  async uninstall(target: ServiceTarget): Promise<boolean> {
    const { installed } = await this.status(target);
    if (!installed) return false;
    await this.stop(target);
    await this.#schtasks("remove the task", ["/Delete", "/TN", taskName(target), "/F"]);
    return true;
  }

  async start(target: ServiceTarget): Promise<void> {
    await this.#schtasks("start the task", ["/Run", "/TN", taskName(target)]);
  }

  async stop(target: ServiceTarget): Promise<void> {
    const { running } = await this.status(target);
    if (running) await this.#schtasks("end the task", ["/End", "/TN", taskName(target)]);
  }

  async status(target: ServiceTarget): Promise<ServiceStatus> {
    // The words of schtasks are in the user's language, those of PowerShell's enumeration are not.
    const script = `(Get-ScheduledTask -TaskPath '\\runtunnel\\' -TaskName '${target.name}' -ErrorAction Stop).State`;
    const { exitCode, stdout } = await this.#options.run(["powershell", "-NoProfile", "-Command", script]);
    const state = stdout.trim();
    return {
      installed: exitCode === 0,
      enabled: exitCode === 0 && state !== "Disabled",
      running: exitCode === 0 && state === "Running",
      detail: exitCode === 0 ? state : "no such task",
    };
  }

  logsCommand(): readonly string[] {
    return [];
  }

  advice(): readonly string[] {
    return [];
  }

  async #schtasks(what: string, words: readonly string[]): Promise<void> {
    await mustRun(this.#options.run, what, ["schtasks", ...words]);
  }
}

function taskName(target: ServiceTarget): string {
  return `\\runtunnel\\${target.name}`;
}
