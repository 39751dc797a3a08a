// Makes executables and releases for tests, from runtimes that were fetched before: tests go to no network.
import { join, resolve } from "node:path";
import { findRuntime } from "../../scripts/release/runtimes.ts";
import { chooseTargets } from "../../scripts/release/targets.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** Whether the runtimes of these targets have been fetched; throws where they are demanded. */
export function hasRuntimes(...names: string[]): boolean {
  const missing = chooseTargets(names.join(",")).filter((target) => findRuntime(target) === undefined);
  if (missing.length === 0) return true;
  const message = `Missing runtime: ${missing.map(({ name }) => name).join(", ")} (bun scripts/release.ts --fetch)`;
  if (process.env["RUNTUNNEL_REQUIRE_PEERS"] === "1") throw new Error(message);
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}

/** Runs the release script of a checkout, by default of this one. */
export async function makeRelease(words: readonly string[], checkout: string = ROOT): Promise<void> {
  await runToEnd([process.execPath, join(checkout, "scripts", "release.ts"), ...words]);
}

/** Runs a program that must succeed; returns what it printed. */
export async function runToEnd(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...env } });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}
