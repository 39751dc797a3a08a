// A page that is drawn again and again in place, on a screen of its own; what was on the terminal comes back after it.
import type { Output } from "./world.ts";

/** A terminal's screen while a page is watched. Whoever opens it closes it. */
export class LiveScreen implements Disposable {
  readonly #output: Output;
  #isClosed = false;

  constructor(output: Output) {
    this.#output = output;
    // Sequences of xterm that every terminal of today knows, Windows' console included: another screen, no cursor.
    output.steer`\x1b[?1049h\x1b[?25l`;
  }

  /** Draws the page over the one before, in one piece. What does not fit is left out: no line wraps, nothing scrolls. */
  draw(text: string): void {
    const { columns, rows } = this.#output;
    const lines = text.replace(/\n$/, "").split("\n");
    const fitting = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `... ${lines.length - rows + 1} more`];
    const drawn = fitting.map((line) => Bun.sliceAnsi(line, 0, columns)).join("\n");
    // Top left, clear, draw: shown at once where the terminal knows of synchronised output.
    this.#output.steer`\x1b[?2026h\x1b[H\x1b[J${drawn}\x1b[?2026l`;
  }

  /** Gives the terminal back as it was. Safe to call twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#output.steer`\x1b[?25h\x1b[?1049l`;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
