// What is asked of a run when a key is authorised or taken back, and how its answer reads. Pure.
import { findHostKeys, type HostKey } from "../formats/host-key.ts";

/** One job for the script on the run. */
export type RemoteJob = {
  readonly mode: "add" | "remove";
  readonly accounts: readonly string[];
  /** The whole authorized_keys line. */
  readonly line: string;
  /** Random word in front of every line of the answer: greetings of the run's own must not be taken for it. */
  readonly tag: string;
};

/** Why an account could not be served. */
export type AccountFailure = { readonly account: string; readonly code: string; readonly detail: string };

/** What the run answered. */
export type RemoteAnswer = {
  /** Whether the script came to its end. */
  readonly complete: boolean;
  readonly done: readonly string[];
  readonly failures: readonly AccountFailure[];
  readonly notes: readonly string[];
  readonly hostKeys: readonly HostKey[];
};

/** Reads the script's output, whatever surrounds it. */
export function parseRemoteAnswer(stdout: string, tag: string): RemoteAnswer {
  const lines = stdout
    .split(/\r?\n/)
    .filter((line) => line.startsWith(`${tag} `))
    .map((line) => line.slice(tag.length + 1));
  const accounts = lines
    .map((line) => /^account (\S+) (ok|bad|note)(?: (.*))?$/.exec(line))
    .filter((match) => match !== null);
  const of = (verb: string) => accounts.filter((match) => match[2] === verb);
  return {
    complete: lines.includes("end"),
    done: of("ok").map((match) => match[1] ?? ""),
    failures: of("bad").map((match) => {
      const [code = "failed", ...words] = (match[3] ?? "").split(" ");
      return { account: match[1] ?? "", code, detail: printable(words.join(" ")) };
    }),
    notes: of("note").map((match) => `Account "${match[1]}": ${printable(match[3] ?? "")}`),
    hostKeys: findHostKeys(
      lines
        .filter((line) => line.startsWith("key "))
        .map((line) => line.slice(4))
        .join("\n"),
    ),
  };
}

/** Longest detail shown; the rest helps nobody. */
const MAX_DETAIL = 300;

function printable(text: string): string {
  return text
    .replaceAll(/[^\P{C}]+/gu, " ")
    .trim()
    .slice(0, MAX_DETAIL);
}
