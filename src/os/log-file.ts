// A log file that stays small for weeks and never hurts the tunnel that writes it, whatever the disk does.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  renameSync,
  type Stats,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { systemErrorCode } from "../domain/errors.ts";
import { localFileError } from "./file-errors.ts";

/** How large a log may grow. */
export type LogFileOptions = {
  /** Size after which the file is rotated, default 5 MiB: a few weeks of one tunnel. */
  readonly maxBytes?: number;
  /** Rotated files kept beside it as `.1`, `.2`; default 2. */
  readonly keep?: number;
};

const DEFAULT_MAX_BYTES = 5 * 1024 * 1024;
const DEFAULT_KEEP = 2;

/** Without O_NONBLOCK the open of a named pipe waits for a reader, for ever. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NONBLOCK ?? 0);

/** Opens the file for appending and creates it with mode 0600. Throws LocalError when that is impossible. */
export function openLogFile(path: string, options: LogFileOptions = {}): LogFile {
  try {
    return new LogFile(path, options.maxBytes ?? DEFAULT_MAX_BYTES, options.keep ?? DEFAULT_KEEP);
  } catch (error) {
    throw localFileError("open the log file", path, error);
  }
}

/** An open log. Lines are written at once, so that a crash loses none; several processes may share one file. */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #keep: number;
  #file: number | undefined;
  #status: Stats;
  #lost = 0;
  #isInsideLine = false;
  #isClosed = false;

  constructor(path: string, maxBytes: number, keep: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#keep = keep;
    this.#file = openSync(path, OPEN_FLAGS, 0o600);
    this.#status = fstatSync(this.#file);
  }

  /** Appends one line. Never throws: lines that cannot be written are counted, and the next success tells how many. */
  write(line: string): void {
    if (this.#isClosed) return;
    try {
      const lost =
        this.#lost === 0 ? "" : `(${this.#lost} lines are missing here: the log file could not be written)\n`;
      // What a full disk cut off stays; the next line must not be glued to it.
      const bytes = Buffer.from(`${this.#isInsideLine ? "\n" : ""}${lost}${line}\n`);
      const whole =
        bytes.length <= this.#maxBytes ? bytes : Buffer.concat([bytes.subarray(0, this.#maxBytes - 1), NEWLINE]);
      this.#append(this.#fileFor(whole.length), whole);
      this.#lost = 0;
    } catch {
      this.#lost += 1;
    }
  }

  /** Closes the file; later lines are dropped. Safe to call twice. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#drop();
    return Promise.resolve();
  }

  #append(file: number, bytes: Uint8Array): void {
    const written = writeSync(file, bytes);
    this.#isInsideLine = written > 0 ? bytes[written - 1] !== NEWLINE[0] : this.#isInsideLine;
    if (written < bytes.length) throw new Error("The line was written in part");
  }

  /** The file to append to: opened anew when somebody moved it away, rotated when it is full. */
  #fileFor(sizeBytes: number): number {
    const current = statIfExists(this.#path);
    if (this.#file !== undefined && current?.ino === this.#status.ino && current.dev === this.#status.dev) {
      const isFull = current.isFile() && current.size > 0 && current.size + sizeBytes > this.#maxBytes;
      return isFull ? this.#rotate() : this.#file;
    }
    return this.#reopen();
  }

  #rotate(): number {
    // A folder we may not write in: better an empty log than an endless one.
    if (this.#keep === 0 || !this.#shiftFiles()) truncateSync(this.#path, 0);
    return this.#reopen();
  }

  /** Renames `.1` to `.2` and so on. Windows renames no open file, so ours is closed first there. */
  #shiftFiles(): boolean {
    if (process.platform === "win32") this.#drop();
    try {
      for (let index = this.#keep - 1; index > 0; index -= 1)
        renameIfExists(`${this.#path}.${index}`, `${this.#path}.${index + 1}`);
      renameSync(this.#path, `${this.#path}.1`);
      return true;
    } catch {
      return false;
    }
  }

  #reopen(): number {
    this.#drop();
    this.#file = openSync(this.#path, OPEN_FLAGS, 0o600);
    this.#status = fstatSync(this.#file);
    this.#isInsideLine = false;
    return this.#file;
  }

  #drop(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

const NEWLINE = Buffer.from("\n");

function statIfExists(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function renameIfExists(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}
