// Verdicts of `doctor` as lines for people.
import pc from "picocolors";
import { CHECK_TITLES, type Check, type CheckState } from "../domain/check.ts";
import { formatDuration } from "../domain/duration.ts";
import { oneLine } from "../domain/one-line.ts";

const VERDICTS: Readonly<Record<CheckState, string>> = { ok: "ok", warning: "warn", failed: "FAIL", skipped: "-" };

const VERDICT_WIDTH = 6;
const TITLE_WIDTH = 16;
const TIME_WIDTH = 8;

/** One verdict, with what to do next below it. */
export function renderCheck(check: Check, hasColor: boolean): string {
  const { hint, message, name, state, subject, tookMs } = check;
  const verdict = paint(VERDICTS[state].padEnd(VERDICT_WIDTH), state, hasColor);
  const time = (tookMs === undefined ? "" : formatDuration(tookMs)).padStart(TIME_WIDTH);
  const line = `${verdict}${CHECK_TITLES[name].padEnd(TITLE_WIDTH)}${time}  ${subject}: ${oneLine(message)}\n`;
  if (hint === undefined) return line;
  return `${line}${" ".repeat(VERDICT_WIDTH)}${"next:".padEnd(TITLE_WIDTH + TIME_WIDTH)}  ${oneLine(hint)}\n`;
}

/** The last line: what all verdicts come to. */
export function renderSummary(checks: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === "failed");
  const warnings = checks.filter(({ state }) => state === "warning").length;
  const [first] = failed;
  const warned = warnings === 0 ? "" : `, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
  if (first === undefined) return `\nNothing is broken${warned}\n`;
  const more = failed.length === 1 ? "" : ` and ${failed.length - 1} more`;
  return `\nBroken: ${CHECK_TITLES[first.name]} (${first.code ?? "unknown"})${more}${warned}\n`;
}

/** A check as data: every member is there. */
export function checkJson(check: Check): Readonly<Record<string, unknown>> {
  return {
    name: check.name,
    subject: check.subject,
    state: check.state,
    message: check.message,
    tookMs: check.tookMs === undefined ? null : Math.round(check.tookMs * 10) / 10,
    code: check.code ?? null,
    hop: check.hop ?? null,
    hint: check.hint ?? null,
    exitCode: check.exitCode ?? null,
  };
}

function paint(text: string, state: CheckState, hasColor: boolean): string {
  const colors = pc.createColors(hasColor);
  switch (state) {
    case "ok":
      return colors.green(text);
    case "warning":
      return colors.yellow(text);
    case "failed":
      return colors.red(text);
    case "skipped":
      return colors.dim(text);
  }
}
