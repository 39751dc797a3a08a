// The ways in which EDGE can misbehave on purpose, as commands name them.
import { UsageError } from "../../domain/errors.ts";
import { isRefusalStatus, type RefusalStatus } from "./edge-replies.ts";

/** What happens to the next CONNECT requests. */
export type EdgeFault =
  | { readonly kind: "none" }
  /** Reads the request and never answers. */
  | { readonly kind: "mute" }
  /** Closes, or resets, instead of an answer. */
  | { readonly kind: "close" | "reset" }
  /** Bytes that are no HTTP; a status line and headers without end. */
  | { readonly kind: "garbage" | "endless" }
  /** Refuses with this status. */
  | { readonly kind: "status"; readonly status: RefusalStatus }
  /** The right answer, one byte at a time. */
  | { readonly kind: "slow"; readonly pauseMs: number }
  /** The right answer in two pieces, the first this long. */
  | { readonly kind: "split"; readonly at: number }
  /** The right answer, this much later. */
  | { readonly kind: "late"; readonly delayMs: number }
  /** The right answer in one piece with the target's first bytes; or surely without them. */
  | { readonly kind: "glued" | "apart" };

const DEFAULT_SLOW_MS = 2;
const DEFAULT_LATE_MS = 3000;

/** Every word that names a fault, for messages. */
const EDGE_FAULT_WORDS =
  "none, mute, close, reset, garbage, endless, status CODE, slow [MS], split BYTES, late [MS], glued, apart";

/** Reads `split 17` and its like. */
export function parseEdgeFault(words: readonly string[]): EdgeFault {
  const [kind = "none", amount] = words;
  const number = amount === undefined ? undefined : Number(amount);
  switch (kind) {
    case "none":
    case "mute":
    case "close":
    case "reset":
    case "garbage":
    case "endless":
    case "glued":
    case "apart":
      return { kind };
    case "slow":
      return { kind, pauseMs: number ?? DEFAULT_SLOW_MS };
    case "late":
      return { kind, delayMs: number ?? DEFAULT_LATE_MS };
    case "split":
      if (number !== undefined && number > 0) return { kind, at: number };
      break;
    case "status":
      if (number !== undefined && isRefusalStatus(number)) return { kind, status: number };
      break;
  }
  throw new UsageError(`Cannot read EDGE fault "${words.join(" ")}"`, { hint: `Faults are ${EDGE_FAULT_WORDS}` });
}
