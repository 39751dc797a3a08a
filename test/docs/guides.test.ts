// README.md and docs/*.md, tried out: command lines are run in the sandbox as they stand there, files are read by the
// readers they are for, links lead somewhere, and error codes are explained.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CliConfiguration } from "../../src/cli/configuration.ts";
import { loadProject } from "../../src/cli/load-project.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { weighSettings } from "../../src/cli/settings.ts";
import { makeWorld } from "../cli/cli-world.ts";
import { Scratch } from "../e2e/support/scratch.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand, cliEnvironment } from "../support/run-cli.ts";
import { callsOf } from "../support/shell-words.ts";
import { type Block, findBlocks } from "./markdown-blocks.ts";

setDefaultTimeout(120_000);

const ROOT = resolve(import.meta.dir, "../..");
const NAMES = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith(".md"),
);
const DOCUMENTS = NAMES.map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));

/** The whole loop of loopback ports and the home folder of `ssh` are ours alone in namespaces of their own. */
const CAN_RUN =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  requirePeer("unshare", "mount", "ip", "bash", "ssh", "scp", "sftp", "plink", "pscp");

const isShell = ({ language }: Block): boolean => language === "sh" || language === "powershell";
const isRun = (block: Block): boolean => block.language === "sh" && !block.words.includes("parse");

/** What the documents call things and the sandbox calls otherwise. */
function withStandIns(text: string): string {
  return text.replaceAll("my-session", "demo");
}

/** A script that runs the blocks in order; what a section leaves open is stopped before the next one. */
function scriptOf(blocks: readonly Block[]): string {
  const lines = ["set -euo pipefail", "exec </dev/null", "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR"];
  let heading: string | undefined;
  for (const block of blocks) {
    if (heading !== undefined && heading !== block.heading) lines.push("runtunnel stop >/dev/null");
    heading = block.heading;
    const [file] = block.words;
    if (isRun(block)) lines.push(`echo "== line ${block.line}"`, withStandIns(block.text));
    else if (block.language === "toml" && file !== undefined && file !== "parse") {
      const path = file.replace(/^~/, "$HOME");
      lines.push(`mkdir -p "$(dirname "${path}")"`, `cat >"${path}" <<'END'`, withStandIns(block.text), "END");
    }
  }
  return [...lines, "runtunnel stop >/dev/null", 'echo "== all done"', ""].join("\n");
}

/** Runs a script in the sandbox, with an empty home folder and an empty network. */
async function runScript(user: Scratch, script: string): Promise<{ readonly output: string; readonly code: number }> {
  const bin = join(user.home, "bin");
  await mkdir(bin);
  const program = cliCommand().map((word) => `'${word}'`);
  await writeFile(join(bin, "runtunnel"), `#!/bin/sh\nexec ${program.join(" ")} "$@"\n`);
  await chmod(join(bin, "runtunnel"), 0o755);
  await writeFile(join(user.home, "script"), script);
  await writeFile(join(user.home, "data.csv"), "a,b\n1,2\n");
  const isolate =
    'ip link set lo up && mount --bind "$1" "$2" && cd "$2" && exec runtunnel sandbox -- bash "$2/script"';
  const { homedir } = userInfo();
  const child = Bun.spawn(["unshare", "--mount", "--net", "sh", "-c", isolate, "sh", user.home, homedir], {
    env: cliEnvironment({ home: homedir, env: { PATH: `${homedir}/bin:${process.env["PATH"]}` } }),
    cwd: user.home,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { output: `${stdout}\n${stderr}`, code };
}

describe.each(DOCUMENTS)("$name", ({ name, text }) => {
  const blocks = findBlocks(text);

  test("names only commands and options that exist", async () => {
    for (const block of blocks.filter(isShell)) {
      for (const line of block.text.split("\n")) {
        for (const words of callsOf("runtunnel", line)) {
          const parsed = parseCommandLine(makeWorld(words)).catch((error: unknown) => error);
          if (words[0] !== "--version") expect([line, await parsed]).toMatchObject([line, { kind: "command" }]);
        }
      }
    }
  });

  test("shows files that their readers accept", async () => {
    const world = makeWorld([]);
    for (const { language, text: file, words } of blocks) {
      if (language === "json") expect(() => JSON.parse(file)).not.toThrow();
      if (language !== "toml") continue;
      const source = { file: `/home/ada/${words[0] ?? "file"}`, text: file };
      if (file.includes("[[tunnel]]")) {
        const configuration = new CliConfiguration({ ...world, flags: {} });
        expect((await loadProject(source, configuration, world)).entries.length).toBeGreaterThan(0);
      } else weighSettings({ ...world, flags: {}, file: { path: source.file, text: file } });
    }
  });

  test("links to what is there", () => {
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const [path = "", anchor] = target.split("#");
      if (/^https?:/.test(path)) continue;
      const file = path === "" ? join(ROOT, name) : join(ROOT, dirname(name), path);
      expect([target, existsSync(file)]).toEqual([target, true]);
      if (anchor === undefined) continue;
      const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, "")
          .replaceAll(/\s/g, "-"),
      );
      expect(headings).toContain(anchor);
    }
  });

  test.skipIf(!CAN_RUN || !blocks.some(isRun))("shows commands that work", async () => {
    await using user = await Scratch.create();
    const { output, code } = await runScript(user, scriptOf(blocks));
    expect([output, code]).toEqual([expect.stringContaining("== all done"), 0]);
  });
});

describe("docs/troubleshooting.md", () => {
  const text = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8");
  const rows = text.split("\n").filter((line) => /^\| `/.test(line));
  const explained = rows
    .flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([a-z0-9-]+)`/g)])
    .map(([, code]) => code);
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  const read = (path: string): string => readFileSync(join(ROOT, "src", path), "utf8");

  test("explains every code of src/domain", () => {
    const codes = sources
      .filter((path) => path.startsWith("domain"))
      .flatMap((path) => [
        ...[...read(path).matchAll(/code: "([a-z-]+)"/g)].map(([, code]) => code),
        ...[...read(path).matchAll(/_CODES[^=]*= \[([^\]]*)\]/g)].flatMap(
          ([, list = ""]) => list.match(/[a-z][a-z-]+/g) ?? [],
        ),
      ]);
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => code !== undefined && !explained.includes(code))).toEqual([]);
  });

  test("explains no code twice, and none that there is not", () => {
    expect(explained.filter((code, index) => explained.indexOf(code) !== index)).toEqual([]);
    const everything = sources
      .filter((path) => !path.startsWith("sandbox"))
      .map(read)
      .join("\n");
    expect(explained.filter((code) => !everything.includes(`"${code}"`))).toEqual([]);
  });
});
