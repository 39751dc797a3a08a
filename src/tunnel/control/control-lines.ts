// Cuts a flow of chunks into lines, with a bound.
import { MAX_CONTROL_LINE_BYTES } from "./control-protocol.ts";

/** Collects bytes and hands out whole lines, without the line end. */
export class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #onOverflow: () => void;
  #pending = "";

  constructor(onLine: (line: string) => void, onOverflow: () => void) {
    this.#onLine = onLine;
    this.#onOverflow = onOverflow;
  }

  push(chunk: Uint8Array): void {
    this.#pending += Buffer.from(chunk).toString("latin1");
    let end = this.#pending.indexOf("\n");
    while (end >= 0) {
      const line = Buffer.from(this.#pending.slice(0, end), "latin1").toString("utf8");
      this.#pending = this.#pending.slice(end + 1);
      this.#onLine(line);
      end = this.#pending.indexOf("\n");
    }
    if (this.#pending.length > MAX_CONTROL_LINE_BYTES) this.#onOverflow();
  }
}
