// Something that did not work, with what to do about it.
import { CallError } from "./client.ts";
import { Icon } from "./icon.tsx";

/** Read out at once. */
export function Failure({ error }: { readonly error: unknown }) {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof CallError ? error.hint : undefined;
  return (
    <div class="callout bad" role="alert">
      <Icon name="cross" />
      <div>
        <p>{message}</p>
        {hint !== undefined && <p class="muted">{hint}</p>}
      </div>
    </div>
  );
}
