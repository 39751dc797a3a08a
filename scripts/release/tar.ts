// Writes tar files whose bytes depend on nothing but their content: ustar, fixed owner, one time for all.

/** One file of an archive. */
export type ArchiveFile = {
  /** With slashes, relative, without a leading "./". */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
};

const BLOCK = 512;

/** Longest path of a ustar header's name field. */
const MAX_NAME = 100;

/** What to write before each path, and the time that everything gets. */
export type TarOptions = { readonly modified: Date; readonly prefix?: string; readonly folders?: boolean };

/** A tar file of these files, in this order, folders before what is in them. */
export function tar(files: readonly ArchiveFile[], options: TarOptions): Uint8Array {
  const prefix = options.prefix ?? "";
  const parts: Uint8Array[] = [];
  const seen = new Set<string>();
  for (const file of files) {
    for (const folder of options.folders === true ? foldersOf(file.path) : []) {
      if (!seen.has(folder)) parts.push(header(`${prefix}${folder}/`, 0, 0o755, "5", options.modified));
      seen.add(folder);
    }
    const { content } = file;
    parts.push(header(prefix + file.path, content.length, file.isExecutable ? 0o755 : 0o644, "0", options.modified));
    parts.push(content, new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

function foldersOf(path: string): readonly string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

function header(path: string, size: number, mode: number, type: string, modified: Date): Uint8Array {
  if (Buffer.byteLength(path) > MAX_NAME) throw new Error(`Path too long for a tar file: ${path}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(path, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(Math.floor(modified.getTime() / 1000), 11), 136);
  block.write(" ".repeat(8), 148);
  block.write(type, 156);
  block.write("ustar\x0000", 257, "latin1");
  block.write("root", 265);
  block.write("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
