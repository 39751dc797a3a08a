import { describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { debianFileName, makeDebianPackage } from "../../scripts/deb/package.ts";
import { makeArchive } from "../../scripts/release/archive.ts";
import { drawIcon } from "../../scripts/release/icon.ts";
import { renderSbom } from "../../scripts/release/sbom.ts";
import { type ArchiveFile, tar } from "../../scripts/release/tar.ts";
import { chooseTargets, TARGETS, type Target } from "../../scripts/release/targets.ts";
import { requirePeer } from "../support/peers.ts";
import { runToEnd } from "../support/release.ts";
import { tempHome } from "../support/temp-home.ts";

const MODIFIED = new Date("2026-02-03T04:05:06Z");

const FILES: readonly ArchiveFile[] = [
  { path: "runtunnel", content: Buffer.from("#!/bin/sh\necho hello\n"), isExecutable: true },
  { path: "completions/_runtunnel", content: Buffer.from("x".repeat(512)), isExecutable: false },
  { path: "completions/empty", content: new Uint8Array(), isExecutable: false },
];

function target(name: string): Target {
  const [found] = chooseTargets(name);
  if (found === undefined) throw new Error(`There is no target ${name}`);
  return found;
}

describe("makeArchive()", () => {
  test.each(["linux-x64", "windows-x64"])("makes what the system's own program unpacks, for %s", async (name) => {
    if (!requirePeer("tar", "unzip")) return;
    await using home = await tempHome();
    const archive = makeArchive(target(name), "1.2.3", FILES, MODIFIED);
    const file = join(home.path, archive.name);
    await writeFile(file, archive.content);
    const unpack = archive.name.endsWith(".zip") ? ["unzip", "-q", file, "-d"] : ["tar", "-xzf", file, "-C"];
    await runToEnd([...unpack, home.path], { ...process.env, TZ: "UTC" });
    for (const { content, isExecutable, path } of FILES) {
      const unpacked = join(home.path, `runtunnel-1.2.3-${name}`, path);
      expect(new Uint8Array(await readFile(unpacked))).toEqual(new Uint8Array(content));
      const { mode, mtime } = await stat(unpacked);
      expect(mode & 0o777).toBe(isExecutable ? 0o755 : 0o644);
      expect(mtime).toEqual(MODIFIED);
    }
    expect(makeArchive(target(name), "1.2.3", FILES, MODIFIED)).toEqual(archive);
  });

  test("refuses a path that does not fit", () => {
    const file = { path: "x".repeat(101), content: new Uint8Array(), isExecutable: false };
    expect(() => tar([file], { modified: MODIFIED })).toThrow("Path too long");
  });
});

describe.skipIf(!requirePeer("dpkg-deb"))("makeDebianPackage()", () => {
  test("makes what dpkg-deb reads", async () => {
    await using home = await tempHome();
    const options = { version: "1.2.3-rc.1", architecture: "amd64", description: "Short", modified: MODIFIED } as const;
    const files = FILES.map((file) => ({ ...file, path: `usr/lib/${file.path}` }));
    const file = join(home.path, debianFileName(options.version, options.architecture));
    await writeFile(file, makeDebianPackage({ ...options, files }));
    expect(await runToEnd(["dpkg-deb", "-f", file, "Package", "Version", "Architecture"])).toBe(
      "Package: runtunnel\nVersion: 1.2.3~rc.1\nArchitecture: amd64\n",
    );
    await runToEnd(["dpkg-deb", "-x", file, join(home.path, "out")]);
    expect(await runToEnd([join(home.path, "out", "usr", "lib", "runtunnel")])).toBe("hello\n");
    const control = join(home.path, "control");
    await runToEnd(["dpkg-deb", "-e", file, control]);
    await runToEnd(["sh", "-c", `cd "${home.path}/out" && md5sum -c --quiet "${control}/md5sums"`]);
  });
});

describe("renderSbom()", () => {
  test("names each package with version, licence and checksum", () => {
    const packages = [
      {
        name: "@a/b",
        version: "1.0.0",
        license: "MIT OR ISC",
        licenseText: "",
        integrity: `sha512-${btoa("\x01\x02")}`,
      },
    ];
    const files = [{ name: "a.zip", sha256: "00" }];
    const bill = JSON.parse(renderSbom({ version: "1.2.3", license: "MIT", made: MODIFIED, packages, files }));
    expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
    expect(bill.metadata).toMatchObject({ timestamp: "2026-02-03T04:05:06.000Z", component: { version: "1.2.3" } });
    expect(bill.components).toEqual([
      {
        type: "library",
        "bom-ref": "pkg:npm/%40a/b@1.0.0",
        name: "@a/b",
        version: "1.0.0",
        scope: "required",
        hashes: [{ alg: "SHA-512", content: "0102" }],
        licenses: [{ expression: "MIT OR ISC" }],
        purl: "pkg:npm/%40a/b@1.0.0",
      },
    ]);
    expect(bill.dependencies).toEqual([{ ref: "pkg:generic/runtunnel@1.2.3", dependsOn: ["pkg:npm/%40a/b@1.0.0"] }]);
  });
});

test("drawIcon() holds an image for each size, one behind the other", () => {
  const icon = Buffer.from(drawIcon());
  const count = icon.readUInt16LE(4);
  expect(count).toBe(6);
  let end = 6 + 16 * count;
  for (let index = 0; index < count; index += 1) {
    const at = 6 + 16 * index;
    expect(icon.readUInt32LE(at + 12)).toBe(end);
    expect(icon.readInt32LE(end + 4)).toBe(icon.readUInt8(at) || 256);
    end += icon.readUInt32LE(at + 8);
  }
  expect(end).toBe(icon.length);
});

test("chooseTargets() takes names, all without any, and refuses unknown ones", () => {
  expect(chooseTargets(undefined)).toBe(TARGETS);
  expect(chooseTargets("macos-arm64,linux-x64").map(({ name }) => name)).toEqual(["macos-arm64", "linux-x64"]);
  expect(() => chooseTargets("amiga")).toThrow('There is no target "amiga"');
});
