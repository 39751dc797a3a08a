// PEM private keys: PKCS#1, SEC1 and PKCS#8, plain or under a passphrase. The runtime's own reader and writer do the work.
import { createPrivateKey } from "node:crypto";
import { UsageError } from "../../domain/errors.ts";
import { passphraseNeeded, wrongPassphrase } from "./key-errors.ts";
import { fromKeyObject, type PrivateKey, toKeyObject, unsupportedKey } from "./key-material.ts";
import { damaged } from "./wire.ts";

const PEM_KEY = /-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/;

/** Whether the text holds a PEM private key, OpenSSH's own format apart. */
export function isPemKey(text: string): boolean {
  const kind = PEM_KEY.exec(text)?.[1];
  return kind !== undefined && kind !== "OPENSSH ";
}

/** Reads the text. Throws UsageError when it is damaged or a passphrase is missing, AuthError when it is wrong. */
export function parsePemKey(text: string, passphrase?: string): PrivateKey {
  const [block, kind] = PEM_KEY.exec(text) ?? [];
  if (block === undefined) throw damaged("the PEM private key", "no begin or no end line");
  if (kind === "DSA ") throw unsupportedKey("ssh-dss");
  const isEncrypted = kind === "ENCRYPTED " || /^Proc-Type:.*ENCRYPTED/m.test(block);
  if (isEncrypted && (passphrase === undefined || passphrase === "")) throw passphraseNeeded();
  const pem = `${block.replaceAll("\r\n", "\n")}\n`;
  try {
    const key = createPrivateKey(isEncrypted && passphrase !== undefined ? { key: pem, passphrase } : pem);
    return { material: fromKeyObject(key), comment: "" };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (isEncrypted) throw wrongPassphrase(cause);
    throw damaged("the PEM private key", "no key that can be understood", cause);
  }
}

/** Writes what older programs read: PKCS#1 for RSA, SEC1 for ECDSA; ed25519 exists in PKCS#8 only. The comment is lost:
 * PEM has no place for it. */
export function formatPemKey(key: PrivateKey, passphrase?: string): string {
  const object = toKeyObject(key.material);
  const type = ({ rsa: "pkcs1", ecdsa: "sec1", ed25519: "pkcs8" } as const)[key.material.kind];
  const protection = passphrase === undefined || passphrase === "" ? {} : { cipher: "aes-256-cbc", passphrase };
  return object.export({ format: "pem", type, ...protection });
}
