// The SSH key pair of the simulated account: what sessions hand out as id_container.
import { createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

/** Both halves: PEM (PKCS#1, as the manager makes them) and one line for authorized_keys. */
export type SessionKeyPair = { readonly privateKey: string; readonly publicKey: string };

/** As the manager generates them: RSA, 2048 bits. */
export async function generateSessionKeys(): Promise<SessionKeyPair> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  return { privateKey: pem, publicKey: renderPublicKey(pem) };
}

/** The public line of a private key in PEM. Throws for anything but RSA. */
export function renderPublicKey(privateKey: string): string {
  const { n, e } = createPublicKey(privateKey).export({ format: "jwk" });
  if (n === undefined || e === undefined) throw new TypeError("Not an RSA key");
  const blob = Buffer.concat([field(Buffer.from("ssh-rsa")), field(integer(e)), field(integer(n))]);
  return `ssh-rsa ${blob.toString("base64")} work@sandbox`;
}

/** RFC 4251, section 5: a length and the bytes. */
function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** RFC 4251, section 5: an integer whose first bit is set gets a zero byte before it. */
function integer(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}
