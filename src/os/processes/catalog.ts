// The systems whose processes we can look at.
import type { System } from "../paths.ts";
import { darwinProcesses } from "./darwin.ts";
import { linuxProcesses } from "./linux.ts";
import type { Processes } from "./processes.ts";
import { windowsProcesses } from "./windows.ts";

/** Processes of the given system. */
export function processesOf(system: System): Processes {
  switch (system) {
    case "linux":
      return linuxProcesses();
    case "darwin":
      return darwinProcesses();
    case "win32":
      return windowsProcesses();
  }
}
