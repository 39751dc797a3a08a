// Passphrases: from the environment for programs, from the terminal without echo for people. Never from arguments.
import { AppError, UsageError } from "../domain/errors.ts";
import type { World } from "./world.ts";

/** The passphrase for a key file, or undefined when none was given and the key may not need one. `isNew`: one must be
 * given. */
export async function readPassphrase(
  variable: string,
  path: string,
  world: World,
  isNew = false,
): Promise<string | undefined> {
  const given = world.environment[variable];
  if (given !== undefined && given !== "") return given;
  if (!isNew && !(await looksEncrypted(path, world))) return undefined;
  if (!world.stderr.isTty || world.askSecret === undefined) {
    throw new UsageError(`A passphrase for "${path}" is needed`, {
      code: "passphrase-needed",
      hint: `Set ${variable}, or run this on a terminal`,
    });
  }
  return world.askSecret(`Passphrase for ${path}: `);
}

/** By the words that encrypted PEM and PPK files carry; an encrypted OpenSSH key is told by its first bytes. */
async function looksEncrypted(path: string, world: World): Promise<boolean> {
  const text = await world.readConfigFile(path).catch((error: unknown) => {
    if (error instanceof AppError) return undefined;
    throw error;
  });
  if (text === undefined) return false;
  if (/^Encryption: aes256-cbc/m.test(text) || /ENCRYPTED/.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  return body !== undefined && Buffer.from(body, "base64").toString("latin1").slice(15, 60).includes("bcrypt");
}
