// The record of one tunnel on disk: format 1, JSON, one file per tunnel (mode 0600), replaced as a whole. Pure codec.
//
// Fields: see TunnelRecord. Unknown fields are kept out; a record of a newer format is left alone and reported.
import * as v from "valibot";
import { HOPS, type Hop, LocalError } from "../domain/errors.ts";
import type { JsonObject, JsonValue } from "../domain/json.ts";
import type { ProcessIdentity } from "../domain/process-identity.ts";
import { PROBE_KINDS, type TunnelSpec } from "../domain/tunnel-spec.ts";

/** Version of the format that this program writes. */
export const RECORD_FORMAT = 1;

/** `starting`: the launcher wrote it or the server is on its way; `ready`: serving; `stopping`; `failed`: see failure. */
export type RecordState = "starting" | "ready" | "stopping" | "failed";

/** Why a tunnel could not start, carried from the background process to the one that waits. */
export type RecordFailure = {
  readonly message: string;
  readonly code: string;
  readonly exitCode: number;
  readonly hop?: Hop;
  readonly hint?: string;
};

/** The file whose entry a tunnel was started from, by a supervisor or by `up`. */
export type ManagedBy = {
  /** Absolute path of the file. */
  readonly file: string;
  /** Name of the entry in it. */
  readonly entry: string;
  /** Changes when the entry does: see `digestOf` in src/tunnel/project.ts. */
  readonly digest: string;
};

/** One tunnel in the registry. Times in milliseconds since 1970. */
export type TunnelRecord = {
  readonly id: string;
  readonly spec: TunnelSpec;
  /** The run's name for people. */
  readonly runName: string;
  readonly state: RecordState;
  /** Machine the tunnel lives on; the state folder may be shared by several. */
  readonly machine: string;
  readonly owner: string;
  /** The serving process; absent until it runs. */
  readonly process?: ProcessIdentity;
  /** Who writes the record before there is a serving process. */
  readonly launcher: ProcessIdentity;
  readonly createdAt: number;
  readonly readyAt?: number;
  /** What the tunnel is doing while it starts, for the one who waits. */
  readonly phase?: string;
  /** Bound local ports with their remote ports; absent until bound. */
  readonly boundPorts?: readonly { readonly local: number; readonly remote: number }[];
  /** Loopback port and token of the control channel. */
  readonly control?: { readonly port: number; readonly token: string };
  readonly logFile?: string;
  readonly mode: "foreground" | "background" | "service";
  readonly managedBy?: ManagedBy;
  readonly failure?: RecordFailure;
  /** Something the user should know although the tunnel started. */
  readonly warnings: readonly string[];
  /** What SSH clients know the run by, once they do. */
  readonly ssh?: {
    readonly alias: string;
    readonly users: readonly string[];
    readonly identityFile: string;
    readonly ppkFile?: string;
    /** Host keys that the clients were told, as in `.pub` files. */
    readonly hostKeys?: readonly string[];
    /** Programs that were told: OpenSSH, PuTTY. */
    readonly clients: readonly string[];
  };
  /** Steps of the SSH configuration, written before each was done, oldest first; what to undo after a crash. */
  readonly journal: readonly JsonObject[];
};

const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535));
const portPair = v.object({ local: port, remote: port });
/** What a calendar can show; more would crash whoever prints it. */
const moment = v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15));
/** Numbers below 1 name groups of processes, which nobody may signal by accident. */
const pid = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const processIdentity = v.object({ pid, startedAt: v.string(), bootId: v.string() });
const sshSpec = v.object({
  folder: v.exactOptional(v.string()),
  alias: v.exactOptional(v.string()),
  users: v.array(v.string()),
  keep: v.boolean(),
});
const duration = v.pipe(v.number(), v.minValue(0));
const probe = v.object({
  kind: v.exactOptional(v.picklist(PROBE_KINDS)),
  intervalMs: v.exactOptional(duration),
  timeoutMs: v.exactOptional(duration),
  threshold: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});
const spec = v.object({
  platform: v.string(),
  run: v.string(),
  ports: v.array(portPair),
  listenAddress: v.string(),
  portFallback: v.boolean(),
  direct: v.boolean(),
  region: v.exactOptional(v.string()),
  actAs: v.exactOptional(v.string()),
  app: v.exactOptional(v.string()),
  identity: v.exactOptional(v.string()),
  ssh: v.exactOptional(sshSpec),
  connectTimeoutMs: v.number(),
  retries: v.number(),
  holdMs: v.number(),
  waitForRemote: v.boolean(),
  probe: v.exactOptional(probe),
});
const json: v.GenericSchema<unknown, JsonValue> = v.lazy(() =>
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(json), v.record(v.string(), json)]),
);
const recordSchema = v.object({
  format: v.literal(RECORD_FORMAT),
  id: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
  spec,
  runName: v.string(),
  state: v.picklist(["starting", "ready", "stopping", "failed"]),
  machine: v.string(),
  owner: v.string(),
  process: v.exactOptional(processIdentity),
  launcher: processIdentity,
  createdAt: moment,
  readyAt: v.exactOptional(moment),
  phase: v.exactOptional(v.string()),
  boundPorts: v.exactOptional(v.array(portPair)),
  control: v.exactOptional(v.object({ port, token: v.string() })),
  logFile: v.exactOptional(v.string()),
  mode: v.picklist(["foreground", "background", "service"]),
  managedBy: v.exactOptional(v.object({ file: v.string(), entry: v.string(), digest: v.string() })),
  failure: v.exactOptional(
    v.object({
      message: v.string(),
      code: v.string(),
      exitCode: v.number(),
      hop: v.exactOptional(v.picklist(HOPS)),
      hint: v.exactOptional(v.string()),
    }),
  ),
  warnings: v.array(v.string()),
  ssh: v.exactOptional(
    v.object({
      alias: v.string(),
      users: v.array(v.string()),
      identityFile: v.string(),
      ppkFile: v.exactOptional(v.string()),
      hostKeys: v.exactOptional(v.array(v.string())),
      clients: v.array(v.string()),
    }),
  ),
  journal: v.array(v.record(v.string(), json)),
});

/** The text of a record. */
export function encodeRecord(record: TunnelRecord): string {
  return `${JSON.stringify({ format: RECORD_FORMAT, ...record }, undefined, 2)}\n`;
}

/** Reads a record. Throws LocalError `record-damaged` or `record-newer`; `path` names the file in the message. */
export function decodeRecord(text: string, path: string): TunnelRecord {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  const format = v.safeParse(v.object({ format: v.number() }), data);
  if (format.success && format.output.format > RECORD_FORMAT) {
    throw new LocalError(`Record "${path}" was written by a newer runtunnel (format ${format.output.format})`, {
      code: "record-newer",
      hint: "Use the newer runtunnel to stop this tunnel",
    });
  }
  const result = parseRecord(data, path);
  if (!result.success) {
    const issue = result.issues[0];
    throw damaged(path, `${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`, undefined);
  }
  const { format: _, ...record } = result.output;
  return record;
}

function parseRecord(data: unknown, path: string): v.SafeParseResult<typeof recordSchema> {
  try {
    return v.safeParse(recordSchema, data);
  } catch (cause) {
    // The stack: no record of ours is nested that deep.
    throw damaged(path, "it is nested too deep", cause);
  }
}

function damaged(path: string, why: string, cause: unknown): LocalError {
  return new LocalError(`Cannot read record "${path}": ${why}`, {
    code: "record-damaged",
    hint: "It is set aside by the next command that changes anything",
    cause,
  });
}
