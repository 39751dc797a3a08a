// Makes a Debian package without Debian's tools: an `ar` of two tar files (deb(5)).
import { createHash } from "node:crypto";
import { gzip } from "../release/archive.ts";
import { type ArchiveFile, tar } from "../release/tar.ts";

/** What the package says about itself. */
export type DebianPackage = {
  readonly version: string;
  readonly architecture: "amd64" | "arm64";
  readonly description: string;
  /** Paths as on the system, without the leading slash. */
  readonly files: readonly ArchiveFile[];
  readonly modified: Date;
};

/** The oldest C library that the runtime's symbols ask for. */
const DEPENDS = "libc6 (>= 2.17)";

/** The bytes of the .deb file. */
export function makeDebianPackage(options: DebianPackage): Uint8Array {
  const { files, modified } = options;
  const tarOptions = { modified, prefix: "./", folders: true };
  const control = [textFile("control", renderControl(options)), textFile("md5sums", renderSums(files))];
  return ar(
    [
      ["debian-binary", Buffer.from("2.0\n")],
      ["control.tar.gz", gzip(tar(control, tarOptions))],
      ["data.tar.gz", gzip(tar(files, tarOptions))],
    ],
    modified,
  );
}

/** The file's name by Debian's custom. */
export function debianFileName(version: string, architecture: string): string {
  return `runtunnel_${debianVersion(version)}_${architecture}.deb`;
}

function renderControl({ architecture, description, files, version }: DebianPackage): string {
  const sizeBytes = files.reduce((total, file) => total + file.content.length, 0);
  return [
    "Package: runtunnel",
    `Version: ${debianVersion(version)}`,
    `Architecture: ${architecture}`,
    "Maintainer: runtunnel developers <runtunnel@localhost>",
    `Installed-Size: ${Math.ceil(sizeBytes / 1024)}`,
    `Depends: ${DEPENDS}`,
    "Recommends: openssh-client",
    "Suggests: putty-tools",
    "Section: net",
    "Priority: optional",
    `Description: ${description}`,
    " One executable that gives a workstation TCP access to runs of Cloud Pipeline,",
    " sessions of Backend.AI and plain hosts, through background tunnels with",
    " passwordless SSH.",
    "",
  ].join("\n");
}

function renderSums(files: readonly ArchiveFile[]): string {
  return files.map(({ content, path }) => `${createHash("md5").update(content).digest("hex")}  ${path}\n`).join("");
}

/** A tilde sorts before everything: 1.0.0~rc.1 comes before 1.0.0. */
function debianVersion(version: string): string {
  return version.replace("-", "~");
}

function textFile(path: string, text: string): ArchiveFile {
  return { path, content: Buffer.from(text), isExecutable: false };
}

/** The common `ar` format: 60 bytes of text before each file, which starts at an even place. */
function ar(files: readonly (readonly [name: string, content: Uint8Array])[], modified: Date): Uint8Array {
  const seconds = String(Math.floor(modified.getTime() / 1000));
  const parts = files.flatMap(([name, content]) => [
    Buffer.from(
      `${name.padEnd(16)}${seconds.padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}` +
        `${String(content.length).padEnd(10)}\`\n`,
    ),
    content,
    Buffer.from(content.length % 2 === 0 ? "" : "\n"),
  ]);
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}
