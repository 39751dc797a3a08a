// Certificates made for a test with OpenSSL: an authority and what it signed.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requirePeer } from "./peers.ts";

/** Whether certificates can be made here. */
export const canMakeCertificates = requirePeer("openssl");

/** PEM texts of a certificate and its key. */
export type Certificate = { readonly cert: string; readonly key: string };

/** An authority and two certificates for 127.0.0.1 and localhost that it signed. */
export type CertificateSet = {
  readonly authority: string;
  readonly valid: Certificate;
  readonly expired: Certificate;
  /** For another name. */
  readonly misnamed: Certificate;
};

/** Makes a new set. */
export async function makeCertificates(): Promise<CertificateSet> {
  const folder = await mkdtemp(join(tmpdir(), "runtunnel-certificates-"));
  try {
    await writeFile(join(folder, "ca.cnf"), configuration(folder));
    await writeFile(join(folder, "index.txt"), "");
    await writeFile(join(folder, "serial"), "01\n");
    await openssl(
      folder,
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout ca.key -out ca.pem -subj /CN=Authority -config ca.cnf -extensions authority",
    );
    return {
      authority: await readFile(join(folder, "ca.pem"), "utf8"),
      valid: await sign(folder, "valid", "here", "-days 30"),
      expired: await sign(folder, "expired", "here", "-startdate 20200101000000Z -enddate 20200201000000Z"),
      misnamed: await sign(folder, "misnamed", "elsewhere", "-days 30"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sign(folder: string, name: string, extensions: string, dates: string): Promise<Certificate> {
  await openssl(
    folder,
    `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name} -config ca.cnf`,
  );
  await openssl(
    folder,
    `ca -batch -notext -config ca.cnf -extensions ${extensions} ${dates} -in ${name}.csr -out ${name}.pem`,
  );
  const [cert, key] = await Promise.all(["pem", "key"].map((end) => readFile(join(folder, `${name}.${end}`), "utf8")));
  return { cert: cert ?? "", key: key ?? "" };
}

async function openssl(folder: string, words: string): Promise<void> {
  const child = Bun.spawn(["openssl", ...words.split(" ")], { cwd: folder, stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`openssl failed: ${said}`);
}

function configuration(folder: string): string {
  return `
[ca]
default_ca = default
[default]
new_certs_dir = ${folder}
database = ${folder}/index.txt
serial = ${folder}/serial
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
subjectKeyIdentifier = hash
[here]
subjectAltName = DNS:localhost, IP:127.0.0.1
[elsewhere]
subjectAltName = DNS:elsewhere.invalid
`;
}
