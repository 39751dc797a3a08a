// A tunnel's state in a word, a colour and a shape, for eyes that see only some of them.
import { Icon, type IconName } from "./icon.tsx";

/** How a state looks: good, in between, bad, on its way, or at rest. */
export type Tone = "good" | "warn" | "bad" | "busy" | "rest";

const TONES: Readonly<Record<string, Tone>> = {
  healthy: "good",
  degraded: "warn",
  unhealthy: "bad",
  failed: "bad",
  dead: "bad",
  hanging: "bad",
  starting: "busy",
  stopping: "busy",
  ended: "rest",
  elsewhere: "rest",
};

const ICONS: Readonly<Record<Tone, IconName>> = {
  good: "check",
  warn: "warning",
  bad: "cross",
  busy: "spinner",
  rest: "moon",
};

/** The tone of a state; one that this page does not know is at rest. */
export function toneOf(state: string): Tone {
  return TONES[state] ?? "rest";
}

/** The mark. */
export function StateMark({ state }: { readonly state: string }) {
  const tone = toneOf(state);
  return (
    <span class={`state ${tone}`}>
      <Icon name={ICONS[tone]} />
      {state}
    </span>
  );
}
