// Private keys in formats that are rare enough to leave to a library: DNSSEC key files, raw RFC 4253 blobs, PEM with the
// ciphers of the nineties. Asynchronous, since the library is loaded only when somebody brings such a key.
import { errorMessage, UsageError } from "../../domain/errors.ts";
import type { PrivateKey } from "./key-material.ts";
import { parsePrivateKey } from "./private-key.ts";

/** Reads a key in any format that we or the library know. Throws what `parsePrivateKey` throws where neither does. */
export async function parseAnyPrivateKey(text: string, passphrase?: string): Promise<PrivateKey> {
  try {
    return parsePrivateKey(text, passphrase);
  } catch (error) {
    if (!(error instanceof UsageError) || error.code === "passphrase-needed") {
      throw error;
    }
    const pem = await toPem(text, passphrase);
    if (pem === undefined) throw error;
    return parsePrivateKey(pem);
  }
}

/** The key as PKCS#8, or undefined where the library does not know it either. */
async function toPem(text: string, passphrase: string | undefined): Promise<string | undefined> {
  const { default: sshpk } = await import("sshpk");
  try {
    return sshpk.parsePrivateKey(text, "auto", passphrase === undefined ? {} : { passphrase }).toString("pkcs8");
  } catch (error) {
    if (/passphrase|encrypted/i.test(errorMessage(error)) && passphrase === undefined) {
      throw new UsageError("The private key is protected by a passphrase", {
        code: "passphrase-needed",
        hop: "ssh-key",
        cause: error,
      });
    }
    return undefined;
  }
}
