// Executables for machines that are not this one: run where an emulator or another C library is at hand, else looked at
// byte by byte.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { drawIcon } from "../../scripts/release/icon.ts";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { hasRuntimes, makeRelease, runToEnd } from "../support/release.ts";
import { type TempHome, tempHome } from "../support/temp-home.ts";

setDefaultTimeout(180_000);

const TARGETS = ["linux-arm64", "linux-x64-musl", "linux-arm64-musl", "macos-x64", "macos-arm64", "windows-arm64"];
const ARM_LIBRARIES = "/usr/aarch64-linux-gnu";
const MUSL = "/lib/ld-musl-x86_64.so.1";

const canRun = process.platform === "linux" && process.arch === "x64";

describe.skipIf(!canRun || !hasRuntimes(...TARGETS))("executables for other systems", () => {
  let home: TempHome;
  beforeAll(async () => {
    home = await tempHome();
    await makeRelease(["--executables", "--targets", TARGETS.join(","), "--out", join(home.path, "out")]);
  });
  afterAll(() => home[Symbol.asyncDispose]());

  const pathOf = (target: string): string =>
    join(home.path, "out", target, target.startsWith("windows") ? "runtunnel.exe" : "runtunnel");

  /** An environment of one's own for a foreign executable. */
  async function scratch(name: string, more: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const folder = join(home.path, name);
    await mkdir(folder);
    return { PATH: process.env["PATH"] ?? "", HOME: folder, ...more };
  }

  test("linux-arm64 runs in an emulator and reaches a run", async () => {
    if (!requirePeer("qemu-aarch64-static")) return;
    await using sandbox = await openSandbox();
    const env = await scratch("arm64", { ...sandbox.environment, QEMU_LD_PREFIX: ARM_LIBRARIES });
    const program = ["qemu-aarch64-static", pathOf("linux-arm64")];
    expect(await runToEnd([...program, "--version"], env)).toStartWith("runtunnel ");
    const child = Bun.spawn([...program, "proxy", "1001", "22"], {
      env,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toStartWith("SSH-2.0-");
    child.kill();
    await child.exited;
  });

  test("linux-x64-musl runs with musl: start in the background, list, stop", async () => {
    if (!requirePeer("g++") || !requireMusl()) return;
    const libraries = join(home.path, "libraries");
    await mkdir(libraries);
    await makeCppLibrary(pathOf("linux-x64-musl"), join(libraries, "libstdc++.so.6"));
    await using sandbox = await openSandbox();
    const env = await scratch("musl", { ...sandbox.environment, LD_LIBRARY_PATH: libraries });
    const run = (...words: readonly string[]) => runToEnd([pathOf("linux-x64-musl"), ...words], env);
    expect(await run("start", "1001", "-lp", "0", "-rp", "22")).toMatch(/^pipeline-1001: .* up in /);
    expect(JSON.parse(await run("list", "--json")).tunnels).toMatchObject([{ state: "healthy" }]);
    expect(await run("stop")).toMatch(/stopped\n$/);
  });

  test("linux-arm64-musl is a program for that processor and that C library", async () => {
    const bytes = await readFile(pathOf("linux-arm64-musl"));
    expect(bytes.subarray(0, 6).toString("latin1")).toBe("\x7fELF\x02\x01");
    expect(bytes.readUInt16LE(18)).toBe(0xb7);
    expect(bytes.includes("/lib/ld-musl-aarch64.so.1\0")).toBe(true);
  });

  test.each([
    ["macos-x64", 0x01000007],
    ["macos-arm64", 0x0100000c],
  ] as const)("%s is a Mach-O program whose pages match its signature", async (target, processor) => {
    const bytes = await readFile(pathOf(target));
    expect(bytes.readUInt32LE(0)).toBe(0xfeedfacf);
    expect(bytes.readUInt32LE(4)).toBe(processor);
    expect(countSignedPages(bytes)).toBeGreaterThan(1000);
    expect(linkEditEnd(bytes)).toBe(bytes.length);
  });

  test("windows-arm64 is a program for that processor and carries our name, version and icon", async () => {
    const bytes = await readFile(pathOf("windows-arm64"));
    const header = bytes.readUInt32LE(0x3c);
    expect(bytes.subarray(header, header + 4).toString("latin1")).toBe("PE\0\0");
    expect(bytes.readUInt16LE(header + 4)).toBe(0xaa64);
    expect(versionText(bytes, "OriginalFilename")).toBe("runtunnel.exe");
    expect(versionText(bytes, "CompanyName")).toBe("runtunnel");
    expect(versionText(bytes, "FileVersion")).toBe(manifest.version);
    // The icon's pictures lie in it as they were drawn, without the list in front.
    expect(bytes.includes(drawIcon().subarray(-10_000))).toBe(true);
  });
});

function requireMusl(): boolean {
  if (existsSync(MUSL)) return true;
  if (process.env["RUNTUNNEL_REQUIRE_PEERS"] === "1") throw new Error(`Missing: ${MUSL}`);
  process.stderr.write(`skipped: Missing: ${MUSL}\n`);
  return false;
}

/** Debian has no C++ library for musl. One is made from the static archive, of what the executable asks for. */
async function makeCppLibrary(executable: string, library: string): Promise<void> {
  const symbols = await runToEnd(["readelf", "--dyn-syms", "-W", executable]);
  const undefinedOnes = [...symbols.matchAll(/ UND ((?:_Z|__cxa_|__dynamic_cast|__once_proxy)\w*)/g)];
  // Tables of the C++ ABI are copied into the executable's own data, which makes them look defined.
  const copied = [...symbols.matchAll(/ (_ZTVN10__cxxabiv1\w*)/g)];
  const wanted = [...undefinedOnes, ...copied].map(([, name]) => name);
  // The C library's own part of the C++ ABI.
  const fromC = ["__cxa_finalize", "__cxa_atexit", "__cxa_thread_atexit_impl"];
  const forced = wanted.filter((name) => !fromC.includes(name ?? "")).map((name) => `-Wl,-u,${name}`);
  const archives = await Promise.all(
    ["libstdc++.a", "libgcc_eh.a", "libgcc.a"].map((name) => runToEnd(["g++", `-print-file-name=${name}`])),
  );
  const shim = join(import.meta.dir, "../support/musl-libstdcxx.c");
  const words = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libstdc++.so.6", "-o", library];
  await runToEnd(["gcc", ...words, ...forced, shim, ...archives.map((path) => path.trim())]);
}

const LC_CODE_SIGNATURE = 0x1d;
const CODE_DIRECTORY = 0xfade0c02;

/** Where the signature lies in the file (loader.h). */
function findSignature(bytes: Buffer): number | undefined {
  const count = bytes.readUInt32LE(16);
  let at = 32;
  for (let index = 0; index < count; index += 1) {
    if (bytes.readUInt32LE(at) === LC_CODE_SIGNATURE) return bytes.readUInt32LE(at + 8);
    at += bytes.readUInt32LE(at + 4);
  }
  return undefined;
}

/** Checks every page against the code directory's SHA-256 (cs_blobs.h) as the kernel does; returns how many there are. */
function countSignedPages(bytes: Buffer): number {
  const signature = findSignature(bytes) ?? 0;
  const blobs = bytes.readUInt32BE(signature + 8);
  for (let index = 0; index < blobs; index += 1) {
    const directory = signature + bytes.readUInt32BE(signature + 12 + index * 8 + 4);
    if (bytes.readUInt32BE(directory) !== CODE_DIRECTORY) continue;
    const hashes = directory + bytes.readUInt32BE(directory + 16);
    const pages = bytes.readUInt32BE(directory + 28);
    const limit = bytes.readUInt32BE(directory + 32);
    const [hashSize, hashType] = [bytes.readUInt8(directory + 36), bytes.readUInt8(directory + 37)];
    const pageSize = 2 ** bytes.readUInt8(directory + 39);
    expect({ hashSize, hashType }).toEqual({ hashSize: 32, hashType: 2 });
    for (let page = 0; page < pages; page += 1) {
      const content = bytes.subarray(page * pageSize, Math.min(limit, (page + 1) * pageSize));
      const hash = createHash("sha256").update(content).digest();
      if (!hash.equals(bytes.subarray(hashes + page * 32, hashes + page * 32 + 32)))
        throw new Error(`Page ${page} differs`);
    }
    return pages;
  }
  throw new Error("There is no code directory");
}

/** Where the last segment ends: the kernel wants the signature inside, and nothing behind it. */
function linkEditEnd(bytes: Buffer): number {
  const name = bytes.indexOf("__LINKEDIT\0");
  return Number(bytes.readBigUInt64LE(name + 32) + bytes.readBigUInt64LE(name + 40));
}

/** A text of the version resource: name and value, each with a zero at its end, then aligned (VS_VERSIONINFO). */
function versionText(bytes: Buffer, name: string): string {
  const wanted = Buffer.from(`${name}\0`, "utf16le");
  const at = bytes.lastIndexOf(wanted) + wanted.length;
  const following = bytes.subarray(at, at + 200).toString("utf16le");
  return following.replace(/^\0+/, "").replace(/\0.*$/s, "");
}
