// Processes that sessions of a run start on this machine: real commands, in the run's folder, with or without a terminal.
// Through /bin/sh; on Windows, which has none, through cmd.exe, and without terminals.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Transform } from "node:stream";
import type { ServerChannel } from "ssh2";

/** What to start. */
export type CommandOptions = {
  /** Undefined: the account's shell. */
  readonly command: string | undefined;
  readonly workingFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly channel: ServerChannel;
  /** Rewrites the run's own paths in a script that a shell reads from its input. */
  readonly rewrite: (text: string) => string;
};

/** A terminal as the client asked for it. */
export type TerminalSize = { readonly columns: number; readonly rows: number };

/** A process of a session. */
export type RunningCommand = {
  /** Sends a signal (`TERM`) to the command and what it started. */
  signal(name: string): void;
  resize(size: TerminalSize): void;
};

/** Commands that are nothing but a shell, which then reads a script. */
const BARE_SHELL =
  /^\s*(?:exec\s+)?(?:\/bin\/|\/usr\/bin\/)?(?:sh|dash|bash)(?:\s+-[a-z]+)*(?:\s+-)?(?:\s+--(?:\s.*)?)?\s*$/s;

/** How long output may still come after a command in a terminal ended, while something else keeps the terminal open. */
const TERMINAL_DRAIN_MS = 200;

/** All processes of a run: whoever closes the run ends them. */
export class Commands {
  readonly #groups = new Set<number>();

  /** Starts a command without a terminal and joins it to the channel. */
  start(options: CommandOptions): RunningCommand {
    const { channel, command } = options;
    const windows = process.platform === "win32";
    const [program, args] = windows
      ? windowsCommand(command)
      : ["/bin/sh", command === undefined ? [] : ["-c", command]];
    const child = spawn(program, args, {
      cwd: options.workingFolder,
      env: options.environment,
      detached: !windows,
      windowsVerbatimArguments: windows,
      windowsHide: true,
      stdio: "pipe",
    });
    const group = child.pid;
    this.#remember(group);
    child.stdin.on("error", () => {});
    const isScript = !windows && (command === undefined || BARE_SHELL.test(command));
    channel.pipe(isScript ? channelRewriter(options.rewrite, child.stdin) : child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    let running = true;
    child.once("error", () => {
      running = false;
      endChannel(channel, 127, null);
    });
    child.once("exit", () => {
      running = false;
    });
    child.once("close", (code, signal) => {
      this.#forget(group);
      endChannel(channel, code ?? 255, signal);
    });
    // Nobody is there to read any more: what still runs is told, as by a terminal that went away.
    channel.once("close", () => {
      if (running) signalGroup(group, "SIGHUP");
    });
    return { signal: (name) => signalGroup(group, `SIG${name}`), resize: () => {} };
  }

  /** Starts a command in a terminal of its own. */
  startInTerminal(options: CommandOptions, terminalType: string, size: TerminalSize): RunningCommand {
    const { channel } = options;
    let onEnd: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      onEnd = resolve;
    });
    const child = Bun.spawn(shellInTerminal(options.command, options.environment), {
      cwd: options.workingFolder,
      env: { ...options.environment, TERM: terminalType },
      terminal: {
        cols: size.columns,
        rows: size.rows,
        name: terminalType,
        data: (_terminal, data) => {
          channel.write(data);
        },
        exit: () => onEnd(),
      },
    });
    const { terminal } = child;
    this.#remember(child.pid);
    channel.on("data", (data: Buffer) => terminal?.write(data));
    let running = true;
    channel.once("close", () => {
      if (running) signalGroup(child.pid, "SIGHUP");
    });
    void child.exited.then(async () => {
      running = false;
      await Promise.race([ended, Bun.sleep(TERMINAL_DRAIN_MS)]);
      terminal?.close();
      this.#forget(child.pid);
      endChannel(channel, child.exitCode ?? 255, child.signalCode);
    });
    return {
      signal: (name) => signalGroup(child.pid, `SIG${name}`),
      resize: (changed) => terminal?.resize(changed.columns, changed.rows),
    };
  }

  /** Ends everything that was started and still runs. */
  close(): void {
    for (const group of this.#groups) signalGroup(group, "SIGKILL");
    this.#groups.clear();
  }

  #remember(group: number | undefined): void {
    if (group !== undefined) this.#groups.add(group);
  }

  /** A group whose leader ended may live on (`nohup ... &`): its number stays taken as long as it does. */
  #forget(group: number | undefined): void {
    if (group !== undefined && !isGroupAlive(group)) this.#groups.delete(group);
  }
}

function windowsCommand(command: string | undefined): [string, string[]] {
  return ["cmd.exe", command === undefined ? ["/d"] : ["/d", "/s", "/c", `"${command}"`]];
}

function shellInTerminal(command: string | undefined, environment: Readonly<Record<string, string>>): string[] {
  if (command !== undefined) return ["/bin/sh", "-c", command];
  return existsSync("/bin/bash")
    ? ["/bin/bash", "--rcfile", `${environment["RUN_ROOT"]}/etc/bashrc`, "-i"]
    : ["/bin/sh", "-i"];
}

/** Rewrites whole lines on their way into a shell; bytes that are no UTF-8 pass unchanged. */
function channelRewriter(rewrite: (text: string) => string, destination: NodeJS.WritableStream): Transform {
  let line = "";
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = line + chunk.toString("latin1");
      const end = text.lastIndexOf("\n") + 1;
      line = text.slice(end);
      done(null, Buffer.from(rewrite(text.slice(0, end)), "latin1"));
    },
    flush(done) {
      done(null, Buffer.from(rewrite(line), "latin1"));
    },
  });
  transform.pipe(destination);
  return transform;
}

function endChannel(channel: ServerChannel, code: number, signal: NodeJS.Signals | number | null): void {
  if (channel.destroyed) return;
  if (signal === null) channel.exit(code);
  else channel.exit(String(signal).replace(/^SIG/, ""), false, "");
  channel.end();
}

function signalGroup(group: number | undefined, signal: string): void {
  if (group === undefined) return;
  try {
    // Windows has no process groups.
    process.kill(process.platform === "win32" ? group : -group, signal);
  } catch {
    // It ended in the meantime.
  }
}

function isGroupAlive(group: number): boolean {
  try {
    process.kill(process.platform === "win32" ? group : -group, 0);
    return true;
  } catch {
    return false;
  }
}
