// Bun's executables for other systems: npm packages, in the version and with the checksums of the project's lock file.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ROOT } from "./compile.ts";
import type { Target } from "./targets.ts";

/** Runtimes are some 100 MB each, so they are kept between runs. */
const CACHE = join(ROOT, ".cache", "runtimes");

const lockedPackage = v.object({
  version: v.string(),
  integrity: v.optional(v.string()),
  license: v.optional(v.string()),
});

/** A package as the lock file has it. */
export type LockedPackage = v.InferOutput<typeof lockedPackage>;

/** Looks packages up in the project's lock file by their folder (`node_modules/yargs`). */
export function readLock(): (folder: string) => LockedPackage | undefined {
  const text = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  const { packages } = v.parse(v.object({ packages: v.record(v.string(), v.unknown()) }), JSON.parse(text));
  return (folder) => (folder in packages ? v.parse(lockedPackage, packages[folder]) : undefined);
}

/** Path of the target's runtime, if it has been fetched in the version of the lock file. */
export function findRuntime(target: Target): string | undefined {
  const { folder, version } = placeOf(target);
  const file = join(folder, "node_modules", target.runtimePackage, "bin", runtimeName(target));
  return existsSync(join(folder, `${version}.complete`)) && existsSync(file) ? file : undefined;
}

/** Fetches the runtimes that are missing, as Bun fetches packages: from the registry that the user has set, checked
 * against the lock file's checksums. */
export function fetchRuntimes(targets: readonly Target[]): void {
  for (const target of targets) {
    if (findRuntime(target) === undefined) fetchRuntime(target);
  }
}

function fetchRuntime(target: Target): void {
  const { folder, integrity, version } = placeOf(target);
  const { runtimePackage } = target;
  const dependencies = { [runtimePackage]: version };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest = { name: "runtime", private: true, dependencies };
  const packages = {
    "": { name: "runtime", dependencies },
    [`node_modules/${runtimePackage}`]: { version, integrity },
  };
  const lock = { name: "runtime", lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
  const words = ["install", "--frozen-lockfile", "--ignore-scripts", "--silent", "--os=*", "--cpu=*"];
  const { status } = spawnSync(process.execPath, words, { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error(`Cannot fetch the package ${runtimePackage} ${version}`);
  writeFileSync(join(folder, `${version}.complete`), "");
}

function placeOf(target: Target): { readonly folder: string; readonly version: string; readonly integrity: string } {
  const locked = readLock()(`node_modules/${target.runtimePackage}`);
  if (locked?.integrity === undefined) throw new Error(`The lock file does not know ${target.runtimePackage}`);
  return { folder: join(CACHE, target.name), version: locked.version, integrity: locked.integrity };
}

function runtimeName(target: Target): string {
  return target.executable === "runtunnel.exe" ? "bun.exe" : "bun";
}
