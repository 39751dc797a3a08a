// Bytes of SFTP version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it.
import type { Stats } from "node:fs";

/** Requests. */
export const REQUEST = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  extended: 200,
} as const;

/** Answers. */
export const REPLY = {
  version: 2,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 201,
} as const;

/** Codes of a status answer. */
export const STATUS = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** Longest packet either side may send, as in OpenSSH. */
export const MAX_PACKET_BYTES = 262_144;

const FLAG = { size: 1, owner: 2, permissions: 4, times: 8 } as const;

/** What a client asks to change about a file. */
export type AttributeChanges = {
  readonly size?: number;
  readonly mode?: number;
  readonly times?: { readonly accessed: number; readonly modified: number };
};

/** Reads the members of one packet in order. Throws RangeError when the packet is too short. */
export class PacketReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    this.#offset += 1;
    return this.#bytes.readUInt8(this.#offset - 1);
  }

  number(): number {
    this.#offset += 4;
    return this.#bytes.readUInt32BE(this.#offset - 4);
  }

  /** File offsets stay below 2^53. */
  longNumber(): number {
    return this.number() * 2 ** 32 + this.number();
  }

  blob(): Buffer {
    const length = this.number();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError("Packet is too short");
    this.#offset = end;
    return this.#bytes.subarray(end - length, end);
  }

  text(): string {
    return this.blob().toString();
  }

  /** Owner and group are read and dropped: all accounts of a run are one account of this machine. */
  attributes(): AttributeChanges {
    const flags = this.number();
    const size = flags & FLAG.size ? this.longNumber() : undefined;
    if (flags & FLAG.owner) this.longNumber();
    const mode = flags & FLAG.permissions ? this.number() : undefined;
    const times = flags & FLAG.times ? { accessed: this.number(), modified: this.number() } : undefined;
    return {
      ...(size === undefined ? {} : { size }),
      ...(mode === undefined ? {} : { mode: mode & 0o7777 }),
      ...(times === undefined ? {} : { times }),
    };
  }
}

/** Cuts a stream of bytes into packets without their length. Throws RangeError at one that is too long. */
export class PacketSplitter {
  #rest: Buffer = Buffer.alloc(0);

  *split(chunk: Buffer): Generator<Buffer> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE(0);
      if (length > MAX_PACKET_BYTES || length === 0) throw new RangeError(`Packet of ${length} bytes`);
      if (bytes.length < 4 + length) break;
      yield bytes.subarray(4, 4 + length);
      bytes = bytes.subarray(4 + length);
    }
    this.#rest = bytes;
  }
}

/** A packet with its length. */
export function encodePacket(type: number, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + parts.reduce((sum, part) => sum + part.length, 0));
  head.writeUInt8(type, 4);
  return Buffer.concat([head, ...parts]);
}

export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function encodeLongNumber(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function encodeText(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([encodeNumber(bytes.length), bytes]);
}

/** Size, owner, mode and times. */
export function encodeAttributes(stats: Stats): Buffer {
  return Buffer.concat([
    encodeNumber(FLAG.size | FLAG.owner | FLAG.permissions | FLAG.times),
    encodeLongNumber(stats.size),
    ...[stats.uid, stats.gid, stats.mode, stats.atimeMs / 1000, stats.mtimeMs / 1000].map(encodeNumber),
  ]);
}

/** One entry of a NAME answer; the long name is what `ls -l` prints. */
export function encodeName(name: string, stats?: Stats): Buffer {
  const longName = stats === undefined ? name : `${formatStats(stats)} ${name}`;
  return Buffer.concat([
    encodeText(name),
    encodeText(longName),
    stats === undefined ? encodeNumber(0) : encodeAttributes(stats),
  ]);
}

const KINDS = new Map([
  [0o040000, "d"],
  [0o120000, "l"],
  [0o100000, "-"],
  [0o060000, "b"],
  [0o020000, "c"],
  [0o010000, "p"],
  [0o140000, "s"],
]);

function formatStats(stats: Stats): string {
  const kind = KINDS.get(stats.mode & 0o170000) ?? "?";
  const bits = [..."rwxrwxrwx"].map((letter, index) => (stats.mode & (0o400 >> index) ? letter : "-")).join("");
  const date = new Date(stats.mtimeMs).toUTCString();
  const when = `${date.slice(8, 11)} ${date.slice(5, 7)} ${date.slice(17, 22)}`;
  const links = String(stats.nlink).padStart(4);
  return `${kind}${bits} ${links} ${String(stats.uid).padEnd(8)} ${String(stats.gid).padEnd(8)} ${String(stats.size).padStart(8)} ${when}`;
}
