// A whole release for the machine we run on: made twice, installed, upgraded, removed.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { requirePeer } from "../support/peers.ts";
import { hasRuntimes, makeRelease, runToEnd } from "../support/release.ts";
import { type TempHome, tempHome } from "../support/temp-home.ts";

// Compressing 100 MB takes a while on a machine that others use as well.
setDefaultTimeout(300_000);

const ROOT = resolve(import.meta.dir, "../..");
const VERSION = manifest.version;
/** What install.sh puts below `share`, and how it begins. */
const PLACED = [
  ["bash-completion/completions/runtunnel", "# bash completion"],
  ["zsh/site-functions/_runtunnel", "#compdef runtunnel"],
  ["fish/vendor_completions.d/runtunnel.fish", "# fish completion"],
  ["man/man1/runtunnel.1", '.\\"'],
] as const;
const ARCHIVE = `runtunnel-${VERSION}-linux-x64.tar.gz`;

describe.skipIf(process.platform !== "linux" || process.arch !== "x64" || !hasRuntimes("linux-x64"))("release", () => {
  let home: TempHome;
  let release: string;
  beforeAll(async () => {
    home = await tempHome();
    release = join(home.path, "release");
    await makeRelease(["--targets", "linux-x64", "--out", release]);
  });
  afterAll(() => home[Symbol.asyncDispose]());

  /** Runs install.sh of the release in a scratch home. */
  async function install(words: readonly string[], script = join(release, "install.sh")) {
    const env = { PATH: process.env["PATH"] ?? "", HOME: home.path };
    const child = Bun.spawn(["sh", script, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { stdout, stderr, code };
  }

  test("holds archive, package, installers, checksums and bill, and nothing else", async () => {
    expect((await readdir(release)).sort()).toEqual([
      "SHA256SUMS",
      "install.ps1",
      "install.sh",
      ARCHIVE,
      `runtunnel-${VERSION}.cdx.json`,
      `runtunnel_${VERSION}_amd64.deb`,
    ]);
    await runToEnd(["sh", "-c", `cd "${release}" && sha256sum -c --quiet --strict SHA256SUMS`]);
    const bill = JSON.parse(await readFile(join(release, `runtunnel-${VERSION}.cdx.json`), "utf8"));
    const names: readonly string[] = bill.components.map((component: { name: string }) => component.name);
    expect(names).toContain("bun");
    expect(names).toContain("ssh2");
    for (const tool of Object.keys(manifest.devDependencies)) if (tool !== "bun") expect(names).not.toContain(tool);
    const notices = await runToEnd([
      "tar",
      "-xzOf",
      join(release, ARCHIVE),
      "--wildcards",
      "*/THIRD-PARTY-NOTICES.txt",
    ]);
    for (const name of names) expect(notices).toContain(`\n${name} `);
  });

  test("carries manual page, completions and guides, in the archive and in the package", async () => {
    const listed = (await runToEnd(["tar", "-tzf", join(release, ARCHIVE)])).split("\n");
    const folder = ARCHIVE.replace(".tar.gz", "");
    for (const path of ["man/runtunnel.1", "docs/commands.md", "completions/_runtunnel", "completions/runtunnel.ps1"]) {
      expect(listed).toContain(`${folder}/${path}`);
    }
    if (!requirePeer("dpkg-deb")) return;
    const packed = await runToEnd(["dpkg-deb", "-c", join(release, `runtunnel_${VERSION}_amd64.deb`)]);
    for (const path of [
      "share/man/man1/runtunnel.1",
      "share/bash-completion/completions/runtunnel",
      "share/zsh/vendor-completions/_runtunnel",
      "share/fish/vendor_completions.d/runtunnel.fish",
      "share/doc/runtunnel/docs/commands.md",
    ]) {
      expect(packed).toContain(` ./usr/${path}\n`);
    }
  });

  test("is the same in every byte wherever the sources lie", async () => {
    const sums = await Promise.all(
      ["one", "another place"].map(async (name) => {
        const checkout = join(home.path, name);
        await mkdir(checkout);
        for (const entry of [
          "src",
          "scripts",
          "package.json",
          "package-lock.json",
          "README.md",
          "CHANGELOG.md",
          "docs",
        ]) {
          await cp(join(ROOT, entry), join(checkout, entry), { recursive: true });
        }
        await cp(join(ROOT, "LICENSE"), join(checkout, "LICENSE"));
        for (const entry of ["node_modules", ".cache"]) await symlink(join(ROOT, entry), join(checkout, entry));
        await makeRelease(["--targets", "linux-x64", "--out", join(checkout, "out")], checkout);
        return await readFile(join(checkout, "out", "SHA256SUMS"), "utf8");
      }),
    );
    expect(sums[0]).toContain(ARCHIVE);
    expect(sums[1]).toBe(sums[0] ?? "");
  });

  test("carries no path of the machine that made it", async () => {
    const executable = await runToEnd([
      "sh",
      "-c",
      `tar -xzOf "${join(release, ARCHIVE)}" --wildcards '*/runtunnel' | grep -acF "${ROOT}/" || true`,
    ]);
    expect(executable).toBe("0\n");
  });

  test("install.sh puts the executable in place, upgrades and uninstalls", async () => {
    const prefix = join(home.path, "my prefix");
    const program = join(prefix, "bin", "runtunnel");
    const first = await install(["--prefix", prefix]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toContain(`Installed runtunnel ${VERSION}`);
    expect(first.stdout).toContain(`export PATH="${prefix}/bin:$PATH"`);
    expect(await runToEnd([program, "--version"])).toStartWith(`runtunnel ${VERSION} (`);
    for (const [path, beginning] of PLACED) {
      expect(await readFile(join(prefix, "share", path), "utf8")).toStartWith(beginning);
    }

    // A program that runs cannot be overwritten, but it can be replaced.
    const running = Bun.spawn([program, "sandbox"], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    await running.stdout.getReader().read();
    expect(await install(["--prefix", prefix])).toMatchObject({ code: 0 });
    running.kill();
    await running.exited;
    expect(await readdir(join(prefix, "bin"))).toEqual(["runtunnel"]);

    expect(await install(["--prefix", prefix, "--uninstall"])).toMatchObject({ code: 0 });
    const left = await readdir(prefix, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  test.skipIf(!requirePeer("curl"))(
    "install.sh takes a release from a URL, and refuses one that was tampered with",
    async () => {
      let isTampered = false;
      const server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: async (request) => {
          const name = new URL(request.url).pathname.slice(1);
          if (isTampered && name === ARCHIVE) return new Response("something else");
          const file = Bun.file(join(release, name));
          return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
        },
      });
      try {
        const alone = join(home.path, "alone.sh");
        await cp(join(release, "install.sh"), alone);
        const words = ["--from", `http://127.0.0.1:${server.port}/`, "--prefix", join(home.path, "from-url")];
        expect(await install(words, alone)).toMatchObject({ code: 0 });
        isTampered = true;
        const refused = await install(words, alone);
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain("is not what SHA256SUMS says");
        expect(await runToEnd([join(home.path, "from-url", "bin", "runtunnel"), "--version"])).toContain(VERSION);
        expect(await install(["--from", `http://127.0.0.1:${server.port}/none`], alone)).toMatchObject({ code: 1 });
        expect(await install([], alone)).toMatchObject({ code: 1 });
        expect(await install(["--colour"], alone)).toMatchObject({ code: 2 });
      } finally {
        await server.stop(true);
      }
    },
  );

  test.skipIf(!requirePeer("dpkg"))("dpkg installs the package and removes it without a trace", async () => {
    // dpkg changes the system's root before it runs anything; a scratch one keeps this machine as it is.
    const system = join(home.path, "system");
    await mkdir(join(system, "var/lib/dpkg/updates"), { recursive: true });
    await mkdir(join(system, "var/lib/dpkg/info"));
    await writeFile(join(system, "var/lib/dpkg/status"), "");
    const dpkg = ["dpkg", `--root=${system}`, "--force-depends", "--force-not-root", "--log=/dev/null"];
    await runToEnd([...dpkg, "-i", join(release, `runtunnel_${VERSION}_amd64.deb`)]);
    expect(await runToEnd([join(system, "usr/bin/runtunnel"), "--version"])).toContain(VERSION);
    expect(await runToEnd([...dpkg, "-s", "runtunnel"])).toContain("Status: install ok installed");
    await runToEnd([...dpkg, "--verify", "runtunnel"]);
    await runToEnd([...dpkg, "-P", "runtunnel"]);
    expect(existsSync(join(system, "usr"))).toBe(false);
  });
});
