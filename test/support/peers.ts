// Foreign programs that tests use as judges: present or skipped by name, and never skipped where they are demanded.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where servers live that are not on an ordinary user's PATH. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/** True when all programs are there. Otherwise prints which are missing and returns false, so that the caller skips; with
 * RUNTUNNEL_REQUIRE_PEERS=1 it throws instead. */
export function requirePeer(...programs: string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return true;
  const message = `Missing program: ${missing.join(", ")}`;
  if (process.env["RUNTUNNEL_REQUIRE_PEERS"] === "1") throw new Error(message);
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.some((folder) => isExecutable(join(folder, program)) || isExecutable(join(folder, `${program}.exe`)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
