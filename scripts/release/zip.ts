// Writes zip files whose bytes depend on nothing but their content (APPNOTE.TXT 4.3), for systems without tar.
import { crc32, deflateRawSync } from "node:zlib";
import type { ArchiveFile } from "./tar.ts";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_CENTRAL = 0x06054b50;

/** Needs version 2.0: deflate. Made on Unix, so that the mode counts. */
const VERSION_NEEDED = 20;
const MADE_BY_UNIX = (3 << 8) | VERSION_NEEDED;
const DEFLATED = 8;
const REGULAR_FILE = 0o100000;

/** A zip file of these files, in this order. */
export function zip(files: readonly ArchiveFile[], modified: Date): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.path);
    const packed = deflateRawSync(file.content, { level: 9 });
    const common = describe(file, packed, name, modified);
    const local = Buffer.concat([numbers([[LOCAL_HEADER, 4]]), common, numbers([[0, 2]]), name, packed]);
    const mode = (REGULAR_FILE | (file.isExecutable ? 0o755 : 0o644)) * 0x10000;
    directory.push(
      numbers([
        [CENTRAL_HEADER, 4],
        [MADE_BY_UNIX, 2],
      ]),
      common,
      // Extra field, comment, disk, internal attributes; then the mode and where the local header stands.
      numbers([
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [mode, 4],
        [offset, 4],
      ]),
      name,
    );
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = numbers([
    [END_OF_CENTRAL, 4],
    [0, 2],
    [0, 2],
    [files.length, 2],
    [files.length, 2],
    [central.length, 4],
    [offset, 4],
    [0, 2],
  ]);
  return Buffer.concat([...parts, central, end]);
}

/** The fields that local and central header share. */
function describe(file: ArchiveFile, packed: Uint8Array, name: Uint8Array, modified: Date): Uint8Array {
  const time = (modified.getUTCHours() << 11) | (modified.getUTCMinutes() << 5) | (modified.getUTCSeconds() >> 1);
  const year = Math.max(0, modified.getUTCFullYear() - 1980);
  const date = (year << 9) | ((modified.getUTCMonth() + 1) << 5) | modified.getUTCDate();
  return numbers([
    [VERSION_NEEDED, 2],
    [0, 2],
    [DEFLATED, 2],
    [time, 2],
    [date, 2],
    [crc32(file.content), 4],
    [packed.length, 4],
    [file.content.length, 4],
    [name.length, 2],
  ]);
}

/** Little-endian numbers of 2 or 4 bytes. */
function numbers(fields: readonly (readonly [value: number, size: 2 | 4])[]): Uint8Array {
  const bytes = Buffer.alloc(fields.reduce((total, [, size]) => total + size, 0));
  let at = 0;
  for (const [value, size] of fields) {
    bytes.writeUIntLE(value, at, size);
    at += size;
  }
  return bytes;
}
