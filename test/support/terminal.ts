// A real terminal for one command: keys go in, the screen can be read. tmux holds it, with a server of its own.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { cliCommand, cliEnvironment, type RunCliOptions } from "./run-cli.ts";

/** Size of the screen: that of a terminal as people open it. */
const COLUMNS = 100;
const ROWS = 40;

/** Another size. */
export type TerminalSize = { readonly columns?: number; readonly rows?: number };

/** A command in a terminal; it is ended at the end of the `await using` block. */
export class Terminal implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs the program with these words in a terminal. Its stdout goes to a file, as in a pipe, where `keepOutput` is set. */
  static async open(words: readonly string[], options: RunCliOptions): Promise<Terminal> {
    return Terminal.run([...cliCommand(), ...words], options);
  }

  /** Runs any program in a terminal. */
  static async run(
    command: readonly string[],
    options: Omit<RunCliOptions, "input">,
    { columns = COLUMNS, rows = ROWS }: TerminalSize = {},
  ): Promise<Terminal> {
    const folder = await mkdtemp(join(tmpdir(), "runtunnel-tty-"));
    const terminal = new Terminal(folder);
    const environment = { TERM: "xterm-256color", LANG: "C.UTF-8", ...cliEnvironment(options) };
    const assignments = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
    // The exit code is told by a file: the terminal is gone when its command ends, unless something holds it.
    // Ctrl+C is for the command; the shell around it lives on to tell how it ended.
    const script = [
      "trap : INT",
      `cd ${quote(options.cwd ?? options.home)}`,
      `env -i ${assignments.join(" ")} ${command.map(quote).join(" ")}`,
      `echo $? > ${quote(join(folder, "exit"))}`,
      "read _",
    ].join("\n");
    await writeFile(join(folder, "script"), script);
    const size = ["-x", String(columns), "-y", String(rows)];
    await terminal.#tmux(["-f", "/dev/null", "new-session", "-d", ...size, `sh ${folder}/script`]);
    return terminal;
  }

  /** What is on the screen, without the empty lines at its end. */
  async screen(): Promise<string> {
    return (await this.#tmux(["capture-pane", "-p"])).trimEnd();
  }

  /** Waits until the screen shows the text. */
  async see(text: string | RegExp): Promise<string> {
    return eventually(
      async () => {
        const screen = await this.screen();
        if (typeof text === "string" ? screen.includes(text) : text.test(screen)) return screen;
        throw new Error(`The screen does not show ${String(text)}:\n${screen}`);
      },
      { timeoutMs: 20_000 },
    );
  }

  /** The same with the colours as escape sequences. */
  async coloredScreen(): Promise<string> {
    return (await this.#tmux(["capture-pane", "-p", "-e"])).trimEnd();
  }

  /** Makes the terminal larger or smaller. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux(["resize-window", "-x", String(columns), "-y", String(rows)]);
  }

  /** Types a text. */
  async type(text: string): Promise<void> {
    await this.#tmux(["send-keys", "-l", text]);
  }

  /** Presses keys by tmux's names: `Enter`, `Down`, `C-c`, `Tab`. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#tmux(["send-keys", key]);
  }

  /** Waits for the command's end, and returns its exit code. */
  async end(): Promise<number> {
    return eventually(async () => Number.parseInt(await readFile(join(this.#folder, "exit"), "utf8"), 10), {
      timeoutMs: 30_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux(["kill-server"]).catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #tmux(words: readonly string[]): Promise<string> {
    const child = Bun.spawn(["tmux", "-S", join(this.#folder, "socket"), ...words], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (child.exitCode !== 0) throw new Error(`tmux ${words.join(" ")}: ${stderr}`);
    return stdout;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
