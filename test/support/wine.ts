// Windows, as far as Wine is Windows: a scratch system on which the Windows executable runs as a user would run it.
import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { findRuntime } from "../../scripts/release/runtimes.ts";
import { TARGETS } from "../../scripts/release/targets.ts";
import { requirePeer } from "./peers.ts";
import type { CliResult } from "./run-cli.ts";
import { type TempHome, tempHome } from "./temp-home.ts";

const WINE = "/usr/lib/wine/wine64";
const WINE_SERVER = "/usr/lib/wine/wineserver";
const COMPILER = "x86_64-w64-mingw32-gcc";
const ROOT = resolve(import.meta.dir, "../..");

/** Whether Wine, the cross compiler and Bun's runtime for Windows are here; throws where they are demanded. */
export function canRunWindows(): boolean {
  const target = TARGETS.find(({ name }) => name === "windows-x64");
  const hasRuntime = target !== undefined && findRuntime(target) !== undefined;
  const found = existsSync(WINE) && hasRuntime;
  if (found) return requirePeer(COMPILER);
  const message = `Missing: ${hasRuntime ? WINE : "the Windows runtime (bun scripts/release.ts --fetch)"}`;
  if (process.env["RUNTUNNEL_REQUIRE_PEERS"] === "1") throw new Error(message);
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}

/** A Windows system with the executable as `C:\tools\runtunnel.exe`. */
export class WindowsMachine implements AsyncDisposable {
  readonly #home: TempHome;
  /** Host's path of drive C. */
  readonly driveC: string;

  private constructor(home: TempHome) {
    this.#home = home;
    this.driveC = join(home.path, "prefix", "drive_c");
  }

  static async start(): Promise<WindowsMachine> {
    const machine = new WindowsMachine(await tempHome());
    try {
      await machine.#install();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Host's path of a Windows path on drive C. */
  hostPath(path: string): string {
    return join(this.driveC, path.replace(/^[Cc]:\\/, "").replaceAll("\\", "/"));
  }

  /** Runs a Windows program to its end; `runtunnel` is on the PATH. Its output goes to files, since background processes
   * of Wine keep pipes open. */
  async run(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    workingFolder = "C:\\tools",
  ): Promise<CliResult> {
    const name = crypto.randomUUID();
    const output = join(this.#home.path, `${name}.out`);
    const errors = join(this.#home.path, `${name}.err`);
    const child = this.spawn(command, { env, workingFolder, stdout: Bun.file(output), stderr: Bun.file(errors) });
    const exitCode = await child.exited;
    return { exitCode, stdout: unix(await Bun.file(output).text()), stderr: unix(await Bun.file(errors).text()) };
  }

  /** Starts a Windows program. */
  spawn(
    command: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly workingFolder?: string;
      readonly stdout?: Bun.BunFile;
      readonly stderr?: Bun.BunFile;
    } = {},
  ): Bun.Subprocess<"ignore", Bun.BunFile | "ignore", Bun.BunFile | "ignore"> {
    return Bun.spawn([WINE, ...command], {
      cwd: this.hostPath(options.workingFolder ?? "C:\\tools"),
      stdin: "ignore",
      stdout: options.stdout ?? "ignore",
      stderr: options.stderr ?? "ignore",
      env: { ...this.#environment(), ...options.env },
    });
  }

  /** All values below PuTTY's key, or undefined when there is no such key. */
  async puttySettings(): Promise<string | undefined> {
    const { exitCode, stdout } = await this.run(["reg", "query", "HKCU\\Software\\SimonTatham", "/s"]);
    return exitCode === 0 ? stdout : undefined;
  }

  /** Every file below a folder, with slashes, sorted. */
  async files(folder: string): Promise<readonly string[]> {
    const root = this.hostPath(folder);
    if (!existsSync(root)) return [];
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Ends the processes of this system alone.
    const env = this.#environment();
    await Bun.spawn([WINE_SERVER, "-k"], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exited;
    await Bun.spawn([WINE_SERVER, "-w"], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exited;
    await this.#home[Symbol.asyncDispose]();
  }

  async #install(): Promise<void> {
    await mkdir(join(this.#home.path, "prefix"));
    const out = join(this.#home.path, "release");
    const release = [join(ROOT, "scripts/release.ts"), "--executables", "--targets", "windows-x64", "--out", out];
    await succeed([process.execPath, ...release]);
    await succeed([WINE, "wineboot", "-i"], this.#environment());
    const tools = join(this.driveC, "tools");
    await mkdir(tools);
    await succeed(["mv", join(out, "windows-x64", "runtunnel.exe"), tools]);
    const library = join(tools, "bcryptprimitives.dll");
    const source = join(import.meta.dir, "process-prng.c");
    await succeed([COMPILER, "-shared", "-O2", "-o", library, source, "-ladvapi32"]);
    await writeFile(join(this.driveC, "tools", "Größe und Ähnliches.txt"), "");
  }

  #environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.#home.path,
      USER: "root",
      LC_ALL: "C.UTF-8",
      WINEPREFIX: join(this.#home.path, "prefix"),
      WINEARCH: "win64",
      WINEDEBUG: "-all",
      WINEDLLOVERRIDES: "mscoree,mshtml=",
      WINEPATH: "C:\\tools",
    };
  }
}

/** What a Windows program printed, with the host's line ends. */
function unix(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

async function succeed(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<void> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    ...(env === undefined ? {} : { env: { ...env } }),
  });
  const [errors, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${errors}`);
}
