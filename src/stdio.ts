// The process's own streams and signals, as the rest of the program wants them.
import type { WriteStream } from "node:tty";
import type { Output, Stdio } from "./cli/world.ts";
import type { StreamSink } from "./domain/byte-stream.ts";
import { InterruptedError, systemErrorCode } from "./domain/errors.ts";
import type { System } from "./os/paths.ts";

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

/** A standard stream as a place to print to. Colour as people ask for it: https://no-color.org and FORCE_COLOR. */
export function toOutput(stream: WriteStream, environment: Readonly<Record<string, string | undefined>>): Output {
  const isTty = stream.isTTY === true;
  const noColor = (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return {
    write: (text) => {
      stream.write(withoutControls(text));
    },
    steer: (sequences, ...pieces) => {
      stream.write(String.raw({ raw: sequences }, ...pieces.map(withoutControls)));
    },
    onGone: (listener) => {
      stream.on("error", listener);
    },
    isTty,
    // Asked anew each time: people resize their terminals. One that tells no size has 0 columns.
    get columns() {
      return isTty ? stream.getWindowSize()[0] || DEFAULT_COLUMNS : Number.MAX_SAFE_INTEGER;
    },
    get rows() {
      return isTty ? stream.getWindowSize()[1] || DEFAULT_ROWS : Number.MAX_SAFE_INTEGER;
    },
    hasColor: isTty ? !noColor : (environment["FORCE_COLOR"] ?? "") !== "",
  };
}

/** Signals that ask the program to end or, where somebody listens for that, to read its file anew. */
export type Signals = {
  /** Aborted when the program is to end. */
  readonly ended: AbortSignal;
  /** From now on SIGHUP calls the listener; before, it ends the program like any other. */
  onReload(listener: () => void): void;
};

/** Begins to listen for signals. */
export function watchSignals(): Signals {
  const controller = new AbortController();
  const isWindows = process.platform === "win32";
  const end = (): void => controller.abort(new InterruptedError());
  let hangUp = end;
  // Windows: Ctrl+Break. A console that is closed comes as SIGHUP, with some seconds left to clean up.
  const signals: readonly NodeJS.Signals[] = isWindows ? ["SIGINT", "SIGTERM", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) process.on(signal, end);
  process.on("SIGHUP", () => hangUp());
  return {
    ended: controller.signal,
    onReload: (listener) => {
      if (!isWindows) hangUp = listener;
    },
  };
}

/** Asks a person on the terminal. The question goes to stderr: stdout is for answers. */
export async function ask(prompt: string): Promise<string> {
  const { read } = await import("read");
  return read({ prompt, output: process.stderr });
}

/** The same without showing what is typed. */
export async function askSecret(prompt: string): Promise<string> {
  const { read } = await import("read");
  return read({ prompt, silent: true, output: process.stderr });
}

/** The operating system; what is neither Windows nor macOS is treated like Linux. */
export function currentSystem(): System {
  if (process.platform === "win32" || process.platform === "darwin") return process.platform;
  return "linux";
}

/** Variables by which a user's SSH programs are found and configured. */
const USER_VARIABLES = [
  "PATH",
  "XDG_CONFIG_HOME",
  "PUTTYDIR",
  "PUTTYSESSIONS",
  "PUTTYSSHHOSTKEYS",
  "SystemRoot",
  "ProgramFiles",
];

/** Those of the user's variables that use cases may see. */
export function pickUserEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of USER_VARIABLES) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** Standard input and output as one byte stream, for `proxy`. */
export class StdioStream implements Stdio {
  readonly canHalfClose = true;
  failure: Error | undefined;
  #sink: StreamSink | undefined;
  #isFull = false;
  #isStarted = false;
  #hasInputEnded = false;
  #isOutputEnding = false;
  #hasOutputEnded = false;
  #isClosed = false;

  attach(sink: StreamSink): void {
    this.#sink = sink;
    if (this.#isStarted) return;
    this.#isStarted = true;
    process.stdout.on("drain", () => {
      this.#isFull = false;
      this.#sink?.onDrain();
    });
    process.stdout.on("error", (cause) => this.#fail(cause));
    process.stdin.on("data", (chunk: Uint8Array) => this.#sink?.onData(chunk));
    process.stdin.on("end", () => {
      this.#hasInputEnded = true;
      this.#sink?.onEnd();
      this.#closeWhenEnded();
    });
    process.stdin.on("error", (cause) => this.#close(cause));
  }

  write(chunk: Uint8Array): number {
    if (this.#isClosed || this.#isFull) return 0;
    this.#isFull = !process.stdout.write(chunk);
    return chunk.length;
  }

  pause(): void {
    process.stdin.pause();
  }

  resume(): void {
    process.stdin.resume();
  }

  end(): void {
    if (this.#isOutputEnding) return;
    this.#isOutputEnding = true;
    process.stdout.end(() => {
      this.#hasOutputEnded = true;
      this.#closeWhenEnded();
    });
  }

  destroy(): void {
    this.end();
    process.stdin.destroy();
    this.#close();
  }

  #closeWhenEnded(): void {
    if (this.#hasInputEnded && this.#hasOutputEnded) this.#close();
  }

  /** A reader that went away (EPIPE) has had enough; a full disk is a failure. Either way nobody takes any more. */
  #fail(cause: Error): void {
    if (systemErrorCode(cause) !== "EPIPE") this.failure ??= cause;
    process.stdin.destroy();
    this.#close(cause);
  }

  #close(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink?.onClose(error);
  }
}

/** Takes out what could steer a terminal, wherever it came from: a server's words, a run's name, a file. Colours stay. */
function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replaceAll(/\u001b(?!\[[0-9;]*m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g, "");
}
