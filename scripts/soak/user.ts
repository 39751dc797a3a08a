// A user with a home of their own: runs commands, and knows which processes are theirs.
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What a command printed and how it ended. */
export type CommandResult = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

/** One tunnel of `list --json`; what is looked at. */
export type ListedTunnel = {
  readonly id: string;
  readonly run: string;
  readonly state: string;
  readonly pid: number | null;
  readonly ports: readonly { readonly local: number; readonly remote: number }[];
  readonly reason: { readonly code: string } | null;
};

/** One user. */
export class SoakUser {
  readonly home: string;
  readonly #program: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(options: {
    readonly home: string;
    readonly program: string;
    readonly environment: Readonly<Record<string, string>>;
  }) {
    this.home = options.home;
    this.#program = options.program;
    this.#environment = options.environment;
  }

  async prepare(): Promise<void> {
    await mkdir(this.home, { recursive: true, mode: 0o700 });
  }

  async run(words: readonly string[]): Promise<CommandResult> {
    const child = Bun.spawn({
      cmd: [this.#program, ...words],
      cwd: this.home,
      env: { ...this.#environment, HOME: this.home, PATH: process.env["PATH"] ?? "" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { stdout, stderr, exitCode };
  }

  async list(): Promise<readonly ListedTunnel[]> {
    const { exitCode, stderr, stdout } = await this.run(["list", "--json"]);
    if (exitCode !== 0) throw new Error(`list ended with ${exitCode}: ${stderr}`);
    return (JSON.parse(stdout) as { readonly tunnels: readonly ListedTunnel[] }).tunnels;
  }

  /** Processes that live in this home. */
  processes(): readonly number[] {
    const mark = `HOME=${this.home}`;
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => readOrEmpty(`/proc/${pid}/environ`).split("\0").includes(mark));
  }

  /** Files below the home that are no logs. */
  async files(): Promise<readonly string[]> {
    const entries = await readdir(this.home, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.includes("/logs/"));
  }
}

/** Proportional memory and descriptors of a process; undefined when it is gone. */
export function measure(pid: number): { readonly pssKb: number; readonly descriptors: number } | undefined {
  try {
    const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return { pssKb: Number(pss), descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Signals a process; gone already is fine. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}
