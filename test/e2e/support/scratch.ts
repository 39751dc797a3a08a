// A user with a home folder of its own, the commands they type, and a look at what those commands left behind.
import { readdirSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { type CliResult, cliCommand, cliEnvironment, type RunCliOptions, runCli } from "../../support/run-cli.ts";
import { tempHome } from "../../support/temp-home.ts";

/** One tunnel as `--json` tells it; what tests look at. */
export type TunnelJson = {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly result: string;
  readonly how: string;
  readonly logFile: string;
  readonly route: string;
  readonly warnings: readonly string[];
  readonly ports: readonly { readonly local: number; readonly remote: number }[];
  readonly connections: { readonly open: number; readonly total: number; readonly failed: number } | null;
  readonly bytes: { readonly up: number; readonly down: number } | null;
};

/** What may differ from call to call. */
export type CallOptions = Partial<RunCliOptions>;

/** A user's world. Whatever still runs in it is killed and its files are removed at the end of the `await using` block. */
export class Scratch implements AsyncDisposable {
  readonly home: string;
  readonly env: Record<string, string>;
  readonly #remove: () => PromiseLike<void>;

  private constructor(home: string, env: Record<string, string>, remove: () => PromiseLike<void>) {
    this.home = home;
    this.env = env;
    this.#remove = remove;
  }

  /** `env` is set for every command of this user. */
  static async create(env: Readonly<Record<string, string>> = {}): Promise<Scratch> {
    const home = await tempHome();
    return new Scratch(home.path, { ...env }, () => home[Symbol.asyncDispose]());
  }

  get stateFolder(): string {
    return join(this.home, ".local", "state", "runtunnel");
  }

  get recordFolder(): string {
    return join(this.stateFolder, "tunnels");
  }

  /** Runs one command to its end. */
  run(words: readonly string[], options: CallOptions = {}): Promise<CliResult> {
    return runCli(words, { home: this.home, ...options, env: { ...this.env, ...options.env } });
  }

  /** Runs a command that must succeed, with `--json`. */
  async json<T>(words: readonly string[], options: CallOptions = {}): Promise<T> {
    const result = await this.run([...words, "--json"], options);
    if (result.exitCode !== 0) throw new Error(`${words.join(" ")} ended with ${result.exitCode}: ${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  }

  /** Starts a background tunnel. */
  startTunnel(words: readonly string[], options: CallOptions = {}): Promise<TunnelJson & { readonly port: number }> {
    return this.json<TunnelJson>(["start", ...words], options).then((tunnel) => ({
      ...tunnel,
      port: tunnel.ports[0]?.local ?? 0,
    }));
  }

  async list(): Promise<readonly TunnelJson[]> {
    return (await this.json<{ tunnels: readonly TunnelJson[] }>(["list"])).tunnels;
  }

  /** Starts a command that stays, in a process group of its own, so that a test can press Ctrl+C for it. */
  spawn(words: readonly string[], options: CallOptions = {}): LongCommand {
    return new LongCommand(words, { home: this.home, ...options, env: { ...this.env, ...options.env } });
  }

  /** Every file below the home, as a path from there. */
  async files(): Promise<readonly string[]> {
    const entries = await readdir(this.home, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(this.home, join(entry.parentPath, entry.name)))
      .sort();
  }

  /** Processes of this program that live in this home. */
  processes(): readonly number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => isOurs(pid, this.home));
  }

  /** Throws unless no process, no record and no file but logs is left. Waits for what is on its way out. */
  async expectNothingLeft(allowed: RegExp = /^\.local\/state\/runtunnel\/logs\//): Promise<void> {
    await eventually(async () => {
      const processes = this.processes();
      const files = (await this.files()).filter((path) => !allowed.test(path));
      if (processes.length > 0) throw new Error(`Still running: ${processes.map(describeProcess).join("; ")}`);
      if (files.length > 0) throw new Error(`Still there: ${files.join(", ")}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.processes()) kill(pid, "SIGKILL");
    await eventually(() => {
      if (this.processes().length > 0) throw new Error("Processes of the test do not end");
    });
    await this.#remove();
  }
}

/** A command that runs until it is told to stop. */
export class LongCommand {
  readonly child: Bun.ReadableSubprocess;
  stdout = "";
  stderr = "";
  readonly #output: Promise<unknown>;

  constructor(words: readonly string[], options: RunCliOptions) {
    this.child = Bun.spawn({
      cmd: [...cliCommand(), ...words],
      cwd: options.cwd ?? options.home,
      env: cliEnvironment(options),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    this.#output = Promise.all([
      collect(this.child.stdout, (text) => {
        this.stdout += text;
      }),
      collect(this.child.stderr, (text) => {
        this.stderr += text;
      }),
    ]);
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal to the command alone. */
  signal(name: NodeJS.Signals): void {
    kill(this.child.pid, name);
  }

  /** Presses Ctrl+C: every process of the group gets the signal. */
  interrupt(): void {
    kill(-this.child.pid, "SIGINT");
  }

  /** How it ended. */
  async end(): Promise<CliResult> {
    const exitCode = await this.child.exited;
    await this.#output;
    return { stdout: this.stdout, stderr: this.stderr, exitCode };
  }
}

/** Sends a signal to a process that a test started; gone already is fine. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

/** The environment of a process as the system shows it to its user. */
export function environmentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/environ`, "utf8");
}

/** The arguments of a process as the system shows them to everybody. */
export function argumentsOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
}

function isOurs(pid: number, home: string): boolean {
  try {
    const isZombie = / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/, ""));
    return !isZombie && environmentOf(pid).split("\0").includes(`HOME=${home}`);
  } catch {
    return false;
  }
}

function describeProcess(pid: number): string {
  try {
    return `${pid} ${argumentsOf(pid).join(" ")}`;
  } catch {
    return String(pid);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
