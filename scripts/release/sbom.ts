// The bill of materials of a release: CycloneDX 1.6 in JSON. Pure.
import type { BundledPackage } from "./bundled.ts";

/** What the bill is for. */
export type SbomOptions = {
  readonly version: string;
  readonly license: string;
  readonly made: Date;
  readonly packages: readonly BundledPackage[];
  /** Files of the release and their SHA-256. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
};

/** Renders the bill. */
export function renderSbom({ files, license, made, packages, version }: SbomOptions): string {
  const self = `pkg:generic/runtunnel@${version}`;
  const components = packages.map(describePackage);
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: made.toISOString(),
      component: {
        type: "application",
        "bom-ref": self,
        name: "runtunnel",
        version,
        licenses: [{ license: { id: license } }],
        purl: self,
        components: files.map(({ name, sha256 }) => ({
          type: "file",
          "bom-ref": name,
          name,
          hashes: [{ alg: "SHA-256", content: sha256 }],
        })),
      },
    },
    components,
    dependencies: [{ ref: self, dependsOn: components.map((component) => component["bom-ref"]) }],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

function describePackage({ integrity, license, name, version }: BundledPackage) {
  // https://github.com/package-url/purl-spec: the at sign of a scope is percent-encoded.
  const purl = `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
  return {
    type: name === "bun" ? "platform" : "library",
    "bom-ref": purl,
    name,
    version,
    scope: "required",
    ...(integrity === undefined ? {} : { hashes: [decodeIntegrity(integrity)] }),
    licenses: /^[A-Za-z0-9.+-]+$/.test(license) ? [{ license: { id: license } }] : [{ expression: license }],
    purl,
  };
}

/** `sha512-BASE64` of npm as hexadecimal. */
function decodeIntegrity(integrity: string): { readonly alg: string; readonly content: string } {
  const [algorithm = "", base64 = ""] = integrity.split("-", 2);
  const alg = algorithm.replace(/^sha/, "SHA-");
  return { alg, content: Buffer.from(base64, "base64").toString("hex") };
}
