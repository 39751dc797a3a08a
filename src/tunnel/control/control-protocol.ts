// What commands and a running tunnel say to each other over its control channel: a loopback port, one JSON object a
// line, opened by the token of the record. A loopback port works alike on every system and on every file system.
import * as v from "valibot";
import { HOPS, LocalError } from "../../domain/errors.ts";
import type { Failure, Health } from "../../domain/health.ts";

/** Longest line either side accepts. */
export const MAX_CONTROL_LINE_BYTES = 1024 * 1024;

/** What a command asks of a tunnel. */
export type ControlRequest =
  /** The figures as they are; with `history`, as they were too. */
  | { readonly kind: "status"; readonly history?: boolean }
  /** Close the listeners, let connections finish for at most this long, then end. */
  | { readonly kind: "stop"; readonly timeoutMs: number }
  /** Of a supervisor: read the file anew and apply the difference. */
  | { readonly kind: "reload" };

/** One outage: from the first failure until the tunnel is healthy again. Times in milliseconds since 1970. */
export type Outage = {
  readonly from: number;
  readonly to?: number;
  /** The reason that was found last. */
  readonly code: string;
  readonly message: string;
  /** Every reason met on the way, in order, each with the time it was first seen; the last of a long row. */
  readonly reasons?: readonly Failure[];
};

/** One probe or dial that ended. */
export type ProbeResult = {
  readonly at: number;
  readonly ok: boolean;
  readonly roundTripMs?: number;
  readonly message?: string;
};

/** What happened in one span of time. */
export type TrafficSample = {
  /** The span's end, milliseconds since 1970. */
  readonly at: number;
  /** The span's length, milliseconds. */
  readonly forMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Mean of the dials and probes that were answered, milliseconds; absent where there were none. */
  readonly roundTripMs?: number;
};

/** Dials for connections that ended since the tunnel's process began. */
export type DialCounts = {
  readonly succeeded: number;
  /** Failures by the hop that failed; `unknown` where none is named. */
  readonly failed: Readonly<Record<string, number>>;
  /** How many took at most as long as each of DIAL_BUCKETS_MS says, each count holding those before it. */
  readonly buckets: readonly number[];
  readonly sumMs: number;
};

/** A running tunnel in figures. */
export type TunnelStatus = {
  readonly health: Health;
  readonly route: string;
  readonly incarnation: string;
  readonly openConnections: number;
  readonly totalConnections: number;
  readonly failedConnections: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly inFlightBytes: number;
  readonly lastByteAt?: number;
  readonly probes: readonly ProbeResult[];
  readonly outages: readonly Outage[];
  readonly dials?: DialCounts;
  /** Only where it was asked for; oldest first, bounded. */
  readonly history?: readonly TrafficSample[];
};

/** What a tunnel answers; `draining` may come several times before `stopped`. */
export type ControlReply =
  | { readonly kind: "status"; readonly status: TunnelStatus }
  | { readonly kind: "draining"; readonly openConnections: number; readonly inFlightBytes: number }
  /** The last word; `left` says, as sentences for the user, what could not be undone. */
  | { readonly kind: "stopped"; readonly left?: readonly string[] }
  /** The difference is being applied, or the file is wrong and everything stays as it was. */
  | { readonly kind: "reloaded"; readonly mistake?: string }
  | { readonly kind: "refused"; readonly message: string };

const requestSchema = v.object({
  token: v.string(),
  request: v.variant("kind", [
    v.object({ kind: v.literal("status"), history: v.exactOptional(v.boolean()) }),
    v.object({ kind: v.literal("stop"), timeoutMs: v.pipe(v.number(), v.minValue(0)) }),
    v.object({ kind: v.literal("reload") }),
  ]),
});

const failureSchema = v.object({
  code: v.string(),
  hop: v.exactOptional(v.picklist(HOPS)),
  message: v.string(),
  at: v.number(),
});
const healthSchema = v.object({
  state: v.picklist(["starting", "healthy", "degraded", "unhealthy", "ended"]),
  since: v.number(),
  failuresInRow: v.number(),
  successesNeeded: v.exactOptional(v.number()),
  lastFailure: v.exactOptional(failureSchema),
  roundTripMs: v.exactOptional(v.number()),
  lastSuccessAt: v.exactOptional(v.number()),
});
const statusSchema = v.object({
  health: healthSchema,
  route: v.string(),
  incarnation: v.string(),
  openConnections: v.number(),
  totalConnections: v.number(),
  failedConnections: v.number(),
  bytesUp: v.number(),
  bytesDown: v.number(),
  inFlightBytes: v.number(),
  lastByteAt: v.exactOptional(v.number()),
  probes: v.array(
    v.object({
      at: v.number(),
      ok: v.boolean(),
      roundTripMs: v.exactOptional(v.number()),
      message: v.exactOptional(v.string()),
    }),
  ),
  outages: v.array(
    v.object({
      from: v.number(),
      to: v.exactOptional(v.number()),
      code: v.string(),
      message: v.string(),
      reasons: v.exactOptional(v.array(failureSchema)),
    }),
  ),
  dials: v.exactOptional(
    v.object({
      succeeded: v.number(),
      failed: v.record(v.string(), v.number()),
      buckets: v.array(v.number()),
      sumMs: v.number(),
    }),
  ),
  history: v.exactOptional(
    v.array(
      v.object({
        at: v.number(),
        forMs: v.number(),
        bytesUp: v.number(),
        bytesDown: v.number(),
        roundTripMs: v.exactOptional(v.number()),
      }),
    ),
  ),
});
const replySchema = v.variant("kind", [
  v.object({ kind: v.literal("status"), status: statusSchema }),
  v.object({ kind: v.literal("draining"), openConnections: v.number(), inFlightBytes: v.number() }),
  v.object({ kind: v.literal("stopped"), left: v.exactOptional(v.array(v.string())) }),
  v.object({ kind: v.literal("reloaded"), mistake: v.exactOptional(v.string()) }),
  v.object({ kind: v.literal("refused"), message: v.string() }),
]);

/** One line that asks. */
export function encodeRequest(token: string, request: ControlRequest): string {
  return `${JSON.stringify({ token, request })}\n`;
}

/** Reads a request; undefined when it is not one (whoever sent it learns nothing). */
export function decodeRequest(line: string): { readonly token: string; readonly request: ControlRequest } | undefined {
  const result = v.safeParse(requestSchema, parseJson(line));
  return result.success ? result.output : undefined;
}

/** One line that answers. */
export function encodeReply(reply: ControlReply): string {
  return `${JSON.stringify(reply)}\n`;
}

/** Reads an answer. Throws LocalError `control-garbled`. */
export function decodeReply(line: string): ControlReply {
  const result = v.safeParse(replySchema, parseJson(line));
  if (!result.success)
    throw new LocalError("The tunnel's control channel answered garbage", { code: "control-garbled" });
  return result.output;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
