// Counts the sockets and files this process holds, to find leaked ones.
import { readdirSync, readlinkSync } from "node:fs";

/** Whether sockets can be counted here. */
export const canCountSockets = process.platform === "linux";

/** Number of sockets of this process. Each counts once, however many descriptors it has: the runtime duplicates those of
 * its standard streams, which are sockets where a test runs in a worker. */
export function countOpenSockets(): number {
  return new Set(openLinks().filter(isSocket)).size;
}

/** Number of files, sockets and pipes of this process, each counted once. */
export function countOpenFiles(): number {
  return new Set(openLinks()).size;
}

function openLinks(): readonly string[] {
  return readdirSync("/proc/self/fd").map(linkOf);
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}

function isSocket(link: string): boolean {
  return link.startsWith("socket:");
}
