// Puts a release's files together: the archive that people unpack.
import { gzipSync } from "node:zlib";
import { type ArchiveFile, tar } from "./tar.ts";
import type { Target } from "./targets.ts";
import { zip } from "./zip.ts";

/** Name of the archive, and of the folder in it. */
function archiveName(target: Target, version: string): string {
  return `runtunnel-${version}-${target.name}`;
}

/** The archive: everything in one folder of the archive's name. */
export function makeArchive(
  target: Target,
  version: string,
  files: readonly ArchiveFile[],
  modified: Date,
): { readonly name: string; readonly content: Uint8Array } {
  const folder = archiveName(target, version);
  const placed = files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
  const name = `${folder}.${target.archive}`;
  switch (target.archive) {
    case "tar.gz":
      return { name, content: gzip(tar(placed, { modified, folders: true })) };
    case "zip":
      return { name, content: zip(placed, modified) };
  }
}

/** Gzip without a time and without the name of the system (RFC 1952, section 2.3.1). */
export function gzip(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 6 });
  packed.writeUInt32LE(0, 4);
  packed[9] = 255;
  return packed;
}
