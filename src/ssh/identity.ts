// A private key of the user's own (`--identity`): what OpenSSH and PuTTY can use of it as it is, and what must be made.
import { stat } from "node:fs/promises";
import { AppError, NotFoundError, UsageError } from "../domain/errors.ts";
import { readTextIfExists } from "../os/atomic-file.ts";
import type { System } from "../os/paths.ts";
import { formatHostKey, parseHostKey } from "./formats/host-key.ts";
import type { PrivateKey } from "./formats/key-material.ts";
import { parsePrivateKey, publicKeyLine } from "./formats/private-key.ts";

/** What was found. */
export type Identity = {
  readonly path: string;
  /** `TYPE BASE64`. */
  readonly publicKey: string;
  /** Absent where a passphrase protects it. */
  readonly key?: PrivateKey;
  /** Whether OpenSSH reads the file as it is. */
  readonly isForOpenssh: boolean;
  /** Whether the file itself is a PPK. */
  readonly isPpk: boolean;
};

const MAX_KEY_BYTES = 65_536;

/** Reads the key. Throws NotFoundError or UsageError, naming the file. */
export async function readIdentity(path: string, system: System): Promise<Identity> {
  const text = await readTextIfExists(path, MAX_KEY_BYTES);
  if (text === undefined) {
    throw new NotFoundError(`There is no key file "${path}"`, {
      hop: "ssh-key",
      hint: "Check the path after --identity",
    });
  }
  await requirePrivate(path, system);
  const isPpk = text.startsWith("PuTTY-User-Key-File-");
  try {
    const key = parsePrivateKey(text);
    // OpenSSH learned to read ed25519 in PKCS#8 late; what others call PEM it calls OpenSSH.
    const isOldPem = key.material.kind === "ed25519" && !text.includes("BEGIN OPENSSH");
    return { path, publicKey: publicKeyLine(key, ""), key, isForOpenssh: !isPpk && !isOldPem, isPpk };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "passphrase-needed") throw withPath(path, error);
    if (isPpk) throw withPath(path, error);
    return { path, publicKey: await readPublicHalf(path), isForOpenssh: true, isPpk };
  }
}

/** OpenSSH ignores a key that others can read, and then asks for a password. */
async function requirePrivate(path: string, system: System): Promise<void> {
  if (system === "win32") return;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  throw new UsageError(`Key file "${path}" can be read by others, so SSH programs will not use it`, {
    code: "key-not-private",
    hop: "ssh-key",
    hint: `Run "chmod 600 '${path}'"`,
  });
}

async function readPublicHalf(path: string): Promise<string> {
  const text = await readTextIfExists(`${path}.pub`, MAX_KEY_BYTES);
  if (text !== undefined) return formatHostKey(parseHostKey(text));
  throw new UsageError(`Key file "${path}" is protected by a passphrase, and there is no "${path}.pub" beside it`, {
    code: "passphrase-needed",
    hop: "ssh-key",
    hint: `Run "ssh-keygen -y -f '${path}' > '${path}.pub'"`,
  });
}

function withPath(path: string, error: unknown): Error {
  if (!(error instanceof AppError)) return error instanceof Error ? error : new Error(String(error));
  return new UsageError(`Cannot use the key file "${path}": ${error.message}`, {
    code: error.code,
    hop: "ssh-key",
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}
