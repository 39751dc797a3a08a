// Counts the sockets this process holds, to find leaked ones.
import { readdirSync, readlinkSync } from "node:fs";

/** Whether sockets can be counted here. */
export const canCountSockets = process.platform === "linux";

/** Number of socket descriptors of this process. */
export function countOpenSockets(): number {
  return readdirSync("/proc/self/fd").filter(isSocket).length;
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:");
  } catch {
    return false;
  }
}
