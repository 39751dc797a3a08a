// What other people's work is inside the executable, and under which licences.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ROOT } from "./compile.ts";
import { readLock } from "./runtimes.ts";

/** A package that is in the executable. */
export type BundledPackage = {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Checksum of the package as npm writes it: `sha512-BASE64`. */
  readonly integrity?: string;
  /** The licence's text, as the package brings it. */
  readonly licenseText: string;
};

/** Where licences stand; packages are not of one mind about the name. */
const LICENSE_FILE = /^(?:licen[cs]e|copying)(?:[.-].*)?$/i;

/** The packages that these source files belong to, by name; Bun itself, which every executable contains, first. */
export function findBundledPackages(sources: readonly string[]): readonly BundledPackage[] {
  const folders = new Set(sources.flatMap((source) => packageFolder(source) ?? []));
  const packages = [...folders].sort().map(readPackage);
  return [readPackage("node_modules/bun"), ...packages];
}

/** One text with all notices that the licences ask to pass on. */
export function renderNotices(packages: readonly BundledPackage[]): string {
  const rule = "=".repeat(80);
  const notices = packages.map(({ license, licenseText, name, version }) =>
    [rule, `${name} ${version} (${license})`, rule, "", licenseText.replaceAll("\r\n", "\n").trim(), ""].join("\n"),
  );
  return `runtunnel contains the following software.\n\n${notices.join("\n")}`;
}

/** `node_modules/a/node_modules/@b/c` of any file in it. */
function packageFolder(source: string): string | undefined {
  const path = source.replaceAll("\\", "/");
  return /^(?:.*\/)?(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

function readPackage(folder: string): BundledPackage {
  const name = folder.replace(/^.*node_modules\//, "");
  const locked = readLock()(folder);
  if (locked === undefined) throw new Error(`The lock file does not know ${folder}`);
  const { integrity, version } = locked;
  const license = locked.license ?? oldStyleLicense(join(ROOT, folder));
  const licenseText = readLicense(join(ROOT, folder)) ?? `See the licence ${license}, https://spdx.org/licenses/`;
  return { name, version, license, licenseText, ...(integrity === undefined ? {} : { integrity }) };
}

/** Packages of long ago name their licences in a list, which npm does not take over into the lock file. */
function oldStyleLicense(folder: string): string {
  const entry = v.object({ licenses: v.array(v.object({ type: v.string() })) });
  const { licenses } = v.parse(entry, JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
  return licenses.map(({ type }) => type).join(" OR ");
}

function readLicense(folder: string): string | undefined {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => LICENSE_FILE.test(name)) : [];
  const [name] = names.sort();
  return name === undefined ? undefined : readFileSync(join(folder, name), "utf8");
}
