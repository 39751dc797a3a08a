// Opens something in the user's browser, where there is one to look at.
import { spawn } from "node:child_process";
import type { System } from "./paths.ts";

/** What decides whether a browser can be seen, and with which program it is opened. */
export type Surroundings = {
  readonly system: System;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** The command that opens `target`, or undefined where nobody would see a browser: on a server, or over SSH. Pure. */
export function browserCommand(target: string, { environment, system }: Surroundings): readonly string[] | undefined {
  const has = (name: string): boolean => (environment[name] ?? "") !== "";
  if (system === "win32") return ["rundll32.exe", "url.dll,FileProtocolHandler", target];
  if (system === "darwin") return has("SSH_CONNECTION") ? undefined : ["open", target];
  if (has("WSL_DISTRO_NAME")) return ["wslview", target];
  return has("DISPLAY") || has("WAYLAND_DISPLAY") ? ["xdg-open", target] : undefined;
}

/** Starts the command and leaves it alone. False where the program is not there. */
export function startBrowser([program = "", ...words]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { detached: true, stdio: "ignore", windowsHide: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
