// For commands that go on and on: they end when nobody reads what they print.
import { InterruptedError } from "../domain/errors.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { Output } from "./world.ts";

/** The context with a signal that is also aborted when the output's reader goes away. */
export function whileRead(context: AppContext, output: Output): AppContext {
  const gone = new AbortController();
  output.onGone(() => gone.abort(new InterruptedError("Nobody reads the output any more")));
  return { ...context, signal: AbortSignal.any([context.signal, gone.signal]) };
}
