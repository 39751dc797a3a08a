// The process's own streams and signals, as the rest of the program wants them.
import type { WriteStream } from "node:tty";
import type { Output } from "./cli/world.ts";
import type { ByteStream, StreamSink } from "./domain/byte-stream.ts";
import type { System } from "./os/paths.ts";

const DEFAULT_COLUMNS = 80;

/** A standard stream as a place to print to. Colour as people ask for it: https://no-color.org and FORCE_COLOR. */
export function toOutput(stream: WriteStream, environment: Readonly<Record<string, string | undefined>>): Output {
  const isTty = stream.isTTY === true;
  const noColor = (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return {
    write: (text) => {
      stream.write(text);
    },
    isTty,
    columns: isTty ? (stream.columns ?? DEFAULT_COLUMNS) : Number.MAX_SAFE_INTEGER,
    hasColor: isTty ? !noColor : (environment["FORCE_COLOR"] ?? "") !== "",
  };
}

/** Aborted by the signals that ask a program to end. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

/** The operating system; what is neither Windows nor macOS is treated like Linux. */
export function currentSystem(): System {
  if (process.platform === "win32" || process.platform === "darwin") return process.platform;
  return "linux";
}

/** Standard input and output as one byte stream, for `proxy`. */
export class StdioStream implements ByteStream {
  readonly canHalfClose = true;
  #sink: StreamSink | undefined;
  #isFull = false;
  #isStarted = false;
  #isClosed = false;

  attach(sink: StreamSink): void {
    this.#sink = sink;
    if (this.#isStarted) return;
    this.#isStarted = true;
    process.stdout.on("drain", () => {
      this.#isFull = false;
      this.#sink?.onDrain();
    });
    // A reader that went away (EPIPE) is the end of the conversation, not a fault of ours.
    process.stdout.on("error", () => this.#close());
    process.stdin.on("data", (chunk: Uint8Array) => this.#sink?.onData(chunk));
    process.stdin.on("end", () => this.#sink?.onEnd());
    process.stdin.on("error", () => this.#close());
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
    if (!process.stdout.writableEnded) process.stdout.end();
  }

  destroy(): void {
    this.end();
    process.stdin.destroy();
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink?.onClose();
  }
}
