// The outer text of a PPK file: header lines and blocks of base64, without any knowledge of keys.
import { UsageError } from "../../domain/errors.ts";
import { damaged, decodeBase64, encodeBase64 } from "./wire.ts";

/** How a passphrase becomes keys, in version 3. */
export type PpkDerivation = {
  readonly kind: "Argon2id" | "Argon2i" | "Argon2d";
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
};

/** The fields of the file. */
export type PpkFile = {
  readonly version: 2 | 3;
  readonly algorithm: string;
  readonly encryption: "none" | "aes256-cbc";
  readonly comment: string;
  readonly publicBlob: Uint8Array;
  /** Absent in version 2 and without a passphrase. */
  readonly derivation: PpkDerivation | undefined;
  readonly privateBlob: Uint8Array;
  readonly mac: Uint8Array;
};

const WHAT = "the PPK file";

/** Bounds for files from elsewhere: more would take all memory, or minutes. */
const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_PASSES = 100_000;
const MAX_PARALLELISM = 64;
const MAX_BLOCK_LINES = 1000;

/** Reads the fields; any line ends. Throws UsageError. */
export function parsePpkFile(text: string): PpkFile {
  const lines = new HeaderLines(text);
  const [version, algorithm] = lines.first();
  const encryption = lines.value("Encryption");
  if (encryption !== "none" && encryption !== "aes256-cbc")
    throw damaged(WHAT, `an unknown encryption "${encryption}"`);
  const comment = lines.value("Comment");
  const publicBlob = lines.block("Public-Lines");
  const derivation = version === 3 && encryption !== "none" ? parseDerivation(lines) : undefined;
  const privateBlob = lines.block("Private-Lines");
  const mac = lines.hex("Private-MAC");
  return { version, algorithm, encryption, comment, publicBlob, derivation, privateBlob, mac };
}

/** Writes the fields. */
export function renderPpkFile(file: PpkFile): string {
  const { derivation } = file;
  const lines = [
    `PuTTY-User-Key-File-${file.version}: ${file.algorithm}`,
    `Encryption: ${file.encryption}`,
    `Comment: ${file.comment}`,
    ...renderBlock("Public-Lines", file.publicBlob),
  ];
  if (derivation !== undefined) {
    lines.push(
      `Key-Derivation: ${derivation.kind}`,
      `Argon2-Memory: ${derivation.memoryKib}`,
      `Argon2-Passes: ${derivation.passes}`,
      `Argon2-Parallelism: ${derivation.parallelism}`,
      `Argon2-Salt: ${Buffer.from(derivation.salt).toString("hex")}`,
    );
  }
  lines.push(
    ...renderBlock("Private-Lines", file.privateBlob),
    `Private-MAC: ${Buffer.from(file.mac).toString("hex")}`,
  );
  return `${lines.join("\n")}\n`;
}

/** Walks the lines of a PPK, which come in one fixed order. */
class HeaderLines {
  readonly #lines: readonly string[];
  #next = 0;

  constructor(text: string) {
    this.#lines = text.split(/\r\n|\n|\r/);
  }

  first(): readonly [2 | 3, string] {
    const match = /^PuTTY-User-Key-File-(\d+): (\S+)$/.exec(this.#take());
    if (match?.[1] === "2") return [2, match[2] ?? ""];
    if (match?.[1] === "3") return [3, match[2] ?? ""];
    if (match === null) throw damaged(WHAT, "no PuTTY key");
    throw new UsageError(`Cannot read ${WHAT}: it is of version ${match[1]}`, {
      code: "unsupported-key",
      hop: "ssh-key",
      hint: "Save it anew with a current PuTTYgen",
    });
  }

  value(name: string): string {
    const line = this.#take();
    if (!line.startsWith(`${name}: `)) throw damaged(WHAT, `no line "${name}" where one must be`);
    return line.slice(name.length + 2);
  }

  count(name: string, max: number): number {
    const text = this.value(name);
    if (!/^\d{1,9}$/.test(text) || Number(text) > max) throw damaged(WHAT, `the value "${text}" for ${name}`);
    return Number(text);
  }

  hex(name: string): Uint8Array {
    const text = this.value(name);
    if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw damaged(WHAT, `a line "${name}" that is not hexadecimal`);
    return Uint8Array.from(Buffer.from(text, "hex"));
  }

  block(name: string): Uint8Array {
    const count = this.count(name, MAX_BLOCK_LINES);
    const lines = Array.from({ length: count }, () => this.#take());
    return decodeBase64(lines.join(""), WHAT);
  }

  #take(): string {
    const line = this.#lines[this.#next];
    if (line === undefined) throw damaged(WHAT, "no end: it is cut short");
    this.#next += 1;
    return line;
  }
}

function parseDerivation(lines: HeaderLines): PpkDerivation {
  const kind = lines.value("Key-Derivation");
  if (kind !== "Argon2id" && kind !== "Argon2i" && kind !== "Argon2d") {
    throw damaged(WHAT, `an unknown key derivation "${kind}"`);
  }
  const memoryKib = lines.count("Argon2-Memory", MAX_MEMORY_KIB);
  const passes = lines.count("Argon2-Passes", MAX_PASSES);
  const parallelism = lines.count("Argon2-Parallelism", MAX_PARALLELISM);
  return { kind, memoryKib, passes, parallelism, salt: lines.hex("Argon2-Salt") };
}

function renderBlock(name: string, bytes: Uint8Array): readonly string[] {
  const lines = encodeBase64(bytes).match(/.{1,64}/g) ?? [];
  return [`${name}: ${lines.length}`, ...lines];
}
