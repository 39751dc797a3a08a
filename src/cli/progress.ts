// Progress on a terminal: a spinner line on stderr for what takes its time; nothing where nobody watches.
import yoctoSpinner, { type Spinner } from "yocto-spinner";
import type { Progress } from "../tunnel/context.ts";
import type { Output } from "./world.ts";

/** A spinner that flashes by is noise; what ends sooner than this shows none. */
const SHOW_AFTER_MS = 300;

/** Progress for a person at a terminal, or notes only. */
export function createProgress(output: Output): Progress {
  return output.isTty ? new SpinnerProgress(output) : new PlainProgress(output);
}

class PlainProgress implements Progress {
  readonly #output: Output;
  constructor(output: Output) {
    this.#output = output;
  }
  update(): void {}
  done(): void {}
  note(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

class SpinnerProgress implements Progress {
  readonly #output: Output;
  readonly #createdAt = performance.now();
  #spinner: Spinner | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  update(text: string): void {
    const fitting = Bun.stripANSI(text).slice(0, Math.max(10, this.#output.columns - 4));
    if (this.#spinner !== undefined) this.#spinner.text = fitting;
    else if (performance.now() - this.#createdAt > SHOW_AFTER_MS)
      this.#spinner = yoctoSpinner({ text: fitting }).start();
  }

  note(text: string): void {
    this.done();
    this.#output.write(`${text}\n`);
  }

  done(): void {
    this.#spinner?.stop();
    this.#spinner = undefined;
  }
}
