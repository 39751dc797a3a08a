// Makes a release in dist/release: one archive per system, Debian packages, checksums and a bill of materials. The same
// commit gives the same bytes. `--targets a,b` makes some only, `--fetch` fetches runtimes and stops, `--executables`
// leaves bare executables behind (dist/release/NAME/), `--out DIR` names another folder.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { debianFileName, makeDebianPackage } from "./deb/package.ts";
import { makeArchive } from "./release/archive.ts";
import { findBundledPackages, renderNotices } from "./release/bundled.ts";
import { COMMIT_TIME, compile, ROOT } from "./release/compile.ts";
import { archiveDocuments, debianDocuments } from "./release/documents.ts";
import { signAdHoc } from "./release/macos-signature.ts";
import { fetchRuntimes, findRuntime } from "./release/runtimes.ts";
import { renderSbom } from "./release/sbom.ts";
import type { ArchiveFile } from "./release/tar.ts";
import { chooseTargets, type Target } from "./release/targets.ts";
import { brandExecutable } from "./release/windows-resources.ts";

const { description, license, version } = manifest;
const { values } = parseArgs({
  options: {
    targets: { type: "string" },
    out: { type: "string", default: join(ROOT, "dist", "release") },
    fetch: { type: "boolean", default: false },
    executables: { type: "boolean", default: false },
  },
});
const out = resolve(values.out);
const targets = chooseTargets(values.targets);

fetchRuntimes(targets);
if (!values.fetch) await release();

async function release(): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const sources = new Set<string>();
  for (const target of targets) {
    for (const source of await build(target)) sources.add(source);
  }
  if (values.executables) return;
  const packages = findBundledPackages([...sources]);
  const notices = renderNotices(packages);
  const modified = COMMIT_TIME;
  const files: { readonly name: string; readonly sha256: string }[] = [];
  const write = (name: string, content: Uint8Array): void => {
    writeFileSync(join(out, name), content);
    files.push({ name, sha256: createHash("sha256").update(content).digest("hex") });
    console.log(`${name}  ${(content.length / 1e6).toFixed(1)} MB`);
  };
  for (const target of targets) {
    const content = readFileSync(executableOf(target));
    const executable: ArchiveFile = { path: target.executable, content, isExecutable: true };
    const archive = makeArchive(target, version, [executable, ...archiveDocuments(notices)], modified);
    write(archive.name, archive.content);
    if (target.debian !== undefined) write(...debianPackage(target.debian, content, notices, modified));
    rmSync(join(out, target.name), { recursive: true });
  }
  for (const name of ["install.sh", "install.ps1"]) write(name, readFileSync(join(ROOT, "scripts", name)));
  const bill = renderSbom({ version, license, made: modified, packages, files });
  write(`runtunnel-${version}.cdx.json`, Buffer.from(bill));
  writeFileSync(join(out, "SHA256SUMS"), files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
}

/** Compiles for one system; returns the sources that went in. */
async function build(target: Target): Promise<readonly string[]> {
  const found = findRuntime(target);
  if (found === undefined) throw new Error(`The runtime for ${target.name} is missing: run with --fetch`);
  const outfile = executableOf(target);
  mkdirSync(join(out, target.name));
  if (target.executable === "runtunnel") {
    const sources = await compile({ outfile, target: target.bunTarget, runtime: found });
    if (target.name.startsWith("macos-")) writeFileSync(outfile, signAdHoc(readFileSync(outfile)));
    return sources;
  }
  const properties = { version, description, copyright: `Licensed under ${license}` };
  const runtime = join(out, `${target.name}.runtime`);
  writeFileSync(runtime, brandExecutable(readFileSync(found), properties));
  const sources = await compile({ outfile, target: target.bunTarget, runtime });
  rmSync(runtime);
  return sources;
}

function debianPackage(
  architecture: "amd64" | "arm64",
  executable: Uint8Array,
  notices: string,
  modified: Date,
): [name: string, content: Uint8Array] {
  const files = [{ path: "usr/bin/runtunnel", content: executable, isExecutable: true }, ...debianDocuments(notices)];
  return [
    debianFileName(version, architecture),
    makeDebianPackage({ version, architecture, description, files, modified }),
  ];
}

function executableOf(target: Target): string {
  return join(out, target.name, target.executable);
}
