// Tells who writes a bare number that its unit is probably not the one that was meant. Pure.
import { formatDuration, isBareNumber } from "../domain/duration.ts";
import type { Settings } from "../domain/setting.ts";
import type { Arguments } from "./command.ts";
import { readText } from "./options.ts";
import { nameSetting } from "./settings.ts";

/** A bare number of milliseconds below this was probably meant in seconds, and one of seconds from this on in milliseconds. */
const SUSPICIOUS = 1000;

const MILLISECOND_OPTIONS = ["timeout"] as const;
const SECOND_OPTIONS = ["timeout-stop", "probe-timeout"] as const;

/** Hints for the durations of one call; `reaches` says whether the command dials, so that settings about that count. */
export function durationHints(words: Arguments, settings: Settings, reaches: boolean): readonly string[] {
  const timeout = reaches ? settings.find("connection-timeout") : undefined;
  return [
    ...MILLISECOND_OPTIONS.map((name) => milliseconds(`--${name}`, readText(words, name))),
    ...SECOND_OPTIONS.map((name) => seconds(`--${name}`, readText(words, name))),
    timeout === undefined ? undefined : seconds(nameSetting("connection-timeout", timeout), timeout.value),
  ].filter((hint) => hint !== undefined);
}

function milliseconds(name: string, text: string | undefined): string | undefined {
  if (text === undefined || !isBareNumber(text) || Number(text) === 0 || Number(text) >= SUSPICIOUS) return undefined;
  const number = text.trim();
  return `${name} ${number} means ${number} milliseconds; write ${number}s for seconds`;
}

function seconds(name: string, text: string | undefined): string | undefined {
  if (text === undefined || !isBareNumber(text) || Number(text) < SUSPICIOUS) return undefined;
  const number = text.trim();
  const long = formatDuration(Number(number) * 1000);
  return `${name} ${number} means ${number} seconds (${long}); write ${number}ms for milliseconds`;
}
