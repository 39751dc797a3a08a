// Signs a macOS executable for no one in particular, as linkers do. Bun signs what it compiles for Apple's processors; for
// Intel's it leaves its own signature, which no longer fits, and with which the kernel ends the program at once.
import { createHash } from "node:crypto";

// Values of mach-o/loader.h and kern/cs_blobs.h.
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const EMBEDDED_SIGNATURE = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const VERSION_WITH_EXEC_SEGMENT = 0x20400;
/** CS_ADHOC and CS_LINKER_SIGNED. */
const FLAGS = 0x20002;
const SHA256 = { type: 2, size: 32 } as const;
const PAGE_BITS = 12;
const IDENTIFIER = "runtunnel\0";

const FIRST_COMMAND = 32;
const SUPER_BLOB_SIZE = 20;
const DIRECTORY_SIZE = 88;

type Layout = {
  /** Where the load commands of signature, last segment and code stand. */
  readonly signature: number;
  readonly linkEdit: number;
  readonly text: number;
  /** Where the signature begins: everything before it is signed. */
  readonly signedBytes: number;
};

/** The executable with a fitting signature in the place of the one it has. */
export function signAdHoc(executable: Uint8Array): Uint8Array {
  const bytes = Buffer.from(executable);
  const layout = findLayout(bytes);
  const pages = Math.ceil(layout.signedBytes / 2 ** PAGE_BITS);
  const size = SUPER_BLOB_SIZE + DIRECTORY_SIZE + IDENTIFIER.length + pages * SHA256.size;
  bytes.writeUInt32LE(size, layout.signature + 12);
  const linkEditStart = Number(bytes.readBigUInt64LE(layout.linkEdit + 40));
  bytes.writeBigUInt64LE(BigInt(layout.signedBytes + size - linkEditStart), layout.linkEdit + 48);
  // Signed last: the load commands above are part of the first page.
  const signed = bytes.subarray(0, layout.signedBytes);
  return Buffer.concat([signed, renderSignature(signed, pages, size, executableBytes(bytes, layout))]);
}

function findLayout(bytes: Buffer): Layout {
  const found: { signature?: number; linkEdit?: number; text?: number } = {};
  let at = FIRST_COMMAND;
  for (let left = bytes.readUInt32LE(16); left > 0; left -= 1) {
    const command = bytes.readUInt32LE(at);
    const name = bytes.toString("latin1", at + 8, at + 24).replace(/\0.*$/s, "");
    if (command === LC_CODE_SIGNATURE) found.signature = at;
    if (command === LC_SEGMENT_64 && name === "__LINKEDIT") found.linkEdit = at;
    if (command === LC_SEGMENT_64 && name === "__TEXT") found.text = at;
    at += bytes.readUInt32LE(at + 4);
  }
  const { linkEdit, signature, text } = found;
  if (signature === undefined || linkEdit === undefined || text === undefined) {
    throw new Error("The executable has no signature to replace");
  }
  return { signature, linkEdit, text, signedBytes: bytes.readUInt32LE(signature + 8) };
}

/** Size of the segment with the code. */
function executableBytes(bytes: Buffer, { text }: Layout): bigint {
  return bytes.readBigUInt64LE(text + 48);
}

function renderSignature(signed: Buffer, pages: number, size: number, codeBytes: bigint): Buffer {
  const blob = Buffer.alloc(size);
  const directory = SUPER_BLOB_SIZE;
  const hashes = DIRECTORY_SIZE + IDENTIFIER.length;
  // One blob, of kind 0: the code directory.
  for (const [index, value] of [EMBEDDED_SIGNATURE, size, 1, 0, directory].entries()) {
    blob.writeUInt32BE(value, index * 4);
  }
  const fields = [
    CODE_DIRECTORY,
    size - directory,
    VERSION_WITH_EXEC_SEGMENT,
    FLAGS,
    hashes,
    DIRECTORY_SIZE,
    0,
    pages,
    signed.length,
  ];
  for (const [index, value] of fields.entries()) blob.writeUInt32BE(value, directory + index * 4);
  blob.set([SHA256.size, SHA256.type, 0, PAGE_BITS], directory + 36);
  blob.writeBigUInt64BE(codeBytes, directory + 72);
  // CS_EXECSEG_MAIN_BINARY
  blob.writeBigUInt64BE(1n, directory + 80);
  blob.write(IDENTIFIER, directory + DIRECTORY_SIZE, "latin1");
  for (let page = 0; page < pages; page += 1) {
    const content = signed.subarray(page * 2 ** PAGE_BITS, (page + 1) * 2 ** PAGE_BITS);
    blob.set(createHash("sha256").update(content).digest(), directory + hashes + page * SHA256.size);
  }
  return blob;
}
