// The one way in which a serving tunnel learns that it has to end: a command, a signal, or the end of its run.
import { InterruptedError } from "../domain/errors.ts";
import type { ControlReply } from "./control/control-protocol.ts";

/** Why the tunnel ends. */
export type StopCause =
  /** A command asked; connections may finish for `timeoutMs`. `reply` tells the command how it goes. */
  | { readonly kind: "command"; readonly timeoutMs: number; readonly reply: (reply: ControlReply) => void }
  | { readonly kind: "signal" }
  | { readonly kind: "run-over"; readonly message: string };

/** Settled by the first cause; later ones can only make it more urgent. */
export class StopRequest {
  readonly #cause = Promise.withResolvers<StopCause>();
  readonly #impatience = new AbortController();
  readonly #askers: ((reply: ControlReply) => void)[] = [];
  #settled: StopCause | undefined;

  constructor(signal: AbortSignal) {
    if (signal.aborted) this.request({ kind: "signal" });
    else signal.addEventListener("abort", () => this.request({ kind: "signal" }), { once: true });
  }

  /** The cause, once there is one. */
  get cause(): StopCause | undefined {
    return this.#settled;
  }

  /** Aborted when connections that are still open are to be dropped: by the least patient of all who asked. */
  get impatience(): AbortSignal {
    return this.#impatience.signal;
  }

  request(cause: StopCause): void {
    this.#settled ??= cause;
    this.#cause.resolve(this.#settled);
    const drop = (): void => this.#impatience.abort();
    if (cause.kind === "command") this.#askers.push(cause.reply);
    if (cause.kind === "command" && cause.timeoutMs > 0) setTimeout(drop, cause.timeoutMs).unref();
    else drop();
  }

  wait(): Promise<StopCause> {
    return this.#cause.promise;
  }

  /** Tells every command that asked how it goes. */
  tell(reply: ControlReply): void {
    for (const asker of this.#askers) asker(reply);
  }

  /** The work's result, or InterruptedError as soon as a stop is requested; the work is left to its own end. */
  async unlessStopped<T>(work: Promise<T>): Promise<T> {
    const stopped = this.#cause.promise.then((): never => {
      throw new InterruptedError("The tunnel was stopped before it was up");
    });
    return Promise.race([work, stopped]);
  }
}
