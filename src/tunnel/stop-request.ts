// The one way in which a serving tunnel learns that it has to end: a command, a signal, or the end of its run.
import { InterruptedError } from "../domain/errors.ts";
import type { ControlReply } from "./control-protocol.ts";

/** Why the tunnel ends. */
export type StopCause =
  /** A command asked; connections may finish for `timeoutMs`. `reply` tells the command how it goes. */
  | { readonly kind: "command"; readonly timeoutMs: number; readonly reply: (reply: ControlReply) => void }
  | { readonly kind: "signal" }
  | { readonly kind: "run-over"; readonly message: string };

/** Settled by the first cause; later ones are ignored. */
export class StopRequest {
  readonly #cause = Promise.withResolvers<StopCause>();
  #settled: StopCause | undefined;

  constructor(signal: AbortSignal) {
    if (signal.aborted) this.request({ kind: "signal" });
    else signal.addEventListener("abort", () => this.request({ kind: "signal" }), { once: true });
  }

  /** The cause, once there is one. */
  get cause(): StopCause | undefined {
    return this.#settled;
  }

  request(cause: StopCause): void {
    this.#settled ??= cause;
    this.#cause.resolve(this.#settled);
  }

  wait(): Promise<StopCause> {
    return this.#cause.promise;
  }

  /** The work's result, or InterruptedError as soon as a stop is requested; the work is left to its own end. */
  async unlessStopped<T>(work: Promise<T>): Promise<T> {
    const stopped = this.#cause.promise.then((): never => {
      throw new InterruptedError("The tunnel was stopped before it was up");
    });
    return Promise.race([work, stopped]);
  }
}
