// The service managers we ship, by system.
import { join } from "node:path";
import type { System } from "../paths.ts";
import { Launchd } from "./launchd/launchd.ts";
import { runTool } from "./run-tool.ts";
import type { ServiceManager } from "./service-manager.ts";
import { Systemd } from "./systemd/systemd.ts";
import { WindowsTask } from "./windows-task/windows-task.ts";

/** What the managers depend on. */
export type ServiceManagerOptions = {
  readonly homeFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly userName: () => string;
};

/** The service manager of this system. */
export function serviceManagerOf(system: System, options: ServiceManagerOptions): ServiceManager {
  switch (system) {
    case "linux": {
      const configured = options.environment["XDG_CONFIG_HOME"];
      const isUsable = configured?.startsWith("/") === true;
      return new Systemd({
        userConfigFolder: isUsable ? configured : join(options.homeFolder, ".config"),
        run: runTool,
      });
    }
    case "darwin":
      return new Launchd({ homeFolder: options.homeFolder, userId: process.getuid?.() ?? 0, run: runTool });
    case "win32":
      return new WindowsTask({ userName: options.userName, run: runTool });
  }
}
