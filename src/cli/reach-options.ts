// Options about the way to a run, for all commands that reach one, and their readers.
import type { Argv } from "yargs";
import { parseDuration } from "../domain/duration.ts";
import { UsageError } from "../domain/errors.ts";
import type { Settings } from "../domain/setting.ts";
import { PROBE_KINDS, type ProbeSpec, type TunnelSpec } from "../domain/tunnel-spec.ts";
import type { Arguments } from "./command.ts";
import { parseWholeNumber, readDuration, readSwitch, readText, resolveUserPath, SHORT_NAMES } from "./options.ts";
import { nameSetting } from "./settings.ts";

/** Time for one dial: a healthy path answers in well under a second, a lost packet costs one to three. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = 10;
/** VS Code gives a connection 15 s; what is held longer is lost anyway. */
const DEFAULT_HOLD_MS = 10_000;
/** One small connection a minute does not keep a run from idling out. */
const LEAST_PROBE_INTERVAL_MS = 60_000;

/** How a run is reached; a part of a tunnel's spec. */
export type ReachSpec = Pick<
  TunnelSpec,
  "listenAddress" | "direct" | "region" | "actAs" | "app" | "identity" | "connectTimeoutMs" | "retries" | "holdMs"
>;

/** Adds the options. */
export function reachOptions(yargs: Argv): Argv {
  const group = "Way to the run:";
  return yargs
    .option("connection-timeout", {
      alias: SHORT_NAMES["connection-timeout"],
      type: "string",
      describe: "Time for one dial; bare number: seconds [default: 10s]",
      group,
    })
    .option("retries", {
      alias: SHORT_NAMES.retries,
      type: "string",
      describe: "Tries per dial and API call [default: 10]",
      group,
    })
    .option("direct", { alias: SHORT_NAMES.direct, type: "boolean", describe: "Without the platform's proxy", group })
    .option("region", { alias: SHORT_NAMES.region, type: "string", describe: "Region of the platform's proxy", group })
    .option("user", {
      alias: SHORT_NAMES.user,
      type: "string",
      describe: "Act as another user (administrators)",
      group,
    })
    .option("app", { type: "string", describe: "Service of a Backend.AI session [default: sshd]", group });
}

/** Adds the options about a tunnel's health. */
export function probeOptions(yargs: Argv): Argv {
  const group = "Health:";
  return yargs
    .option("probe", {
      type: "string",
      choices: PROBE_KINDS,
      describe: "What a probe of the first remote port must see [default: ssh or dial, by the port]",
      group,
    })
    .option("probe-interval", {
      type: "string",
      describe: "Between two probes while all is well; bare number: seconds, at least 60 [default: 60s]",
      group,
    })
    .option("probe-timeout", {
      type: "string",
      describe: "Time for one probe; bare number: seconds [default: --connection-timeout]",
      group,
    })
    .option("probe-threshold", {
      type: "string",
      describe: "Failures in a row after which the tunnel counts as unhealthy [default: 3]",
      group,
    });
}

/** Reads them; undefined where none is given. */
export function probeSpec(words: Arguments): ProbeSpec | undefined {
  const text = readText(words, "probe");
  const kind = PROBE_KINDS.find((known) => known === text);
  const intervalMs = readDuration(words, "probe-interval", "s");
  const timeoutMs = readDuration(words, "probe-timeout", "s");
  const threshold = readText(words, "probe-threshold");
  if (text !== undefined && kind === undefined) {
    throw new UsageError(`Unknown --probe "${text}"`, { hint: `Kinds are: ${PROBE_KINDS.join(", ")}` });
  }
  if (intervalMs !== undefined && intervalMs < LEAST_PROBE_INTERVAL_MS) {
    throw new UsageError("--probe-interval is too short: it would keep a run from idling out", {
      hint: "The shortest is 60s; users' own connections are noticed at once",
    });
  }
  const spec: ProbeSpec = {
    ...(kind === undefined ? {} : { kind }),
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(timeoutMs === undefined || timeoutMs === 0 ? {} : { timeoutMs }),
    ...(threshold === undefined ? {} : { threshold: parseWholeNumber(threshold, "--probe-threshold", 1, 1000) }),
  };
  return Object.keys(spec).length === 0 ? undefined : spec;
}

/** Reads them. */
export function reachSpec(words: Arguments, settings: Settings, workingFolder: string, homeFolder: string): ReachSpec {
  const region = readText(words, "region");
  const actAs = readText(words, "user");
  const app = readText(words, "app");
  const identity = readText(words, "identity");
  return {
    listenAddress: parseListenAddress(settings.find("listen-address")?.value ?? "127.0.0.1"),
    direct: readSwitch(words, "direct"),
    ...(region === undefined ? {} : { region }),
    ...(actAs === undefined ? {} : { actAs }),
    ...(app === undefined ? {} : { app }),
    ...(identity === undefined ? {} : { identity: resolveUserPath(identity, workingFolder, homeFolder) }),
    connectTimeoutMs: connectTimeoutMs(settings),
    retries: retriesOf(settings),
    holdMs: DEFAULT_HOLD_MS,
  };
}

function retriesOf(settings: Settings): number {
  const found = settings.find("retries");
  if (found === undefined) return DEFAULT_RETRIES;
  // 0 means "no further try" to users of `pipe`, which counts the tries after the first.
  return Math.max(1, parseWholeNumber(found.value, nameSetting("retries", found), 0, 1000));
}

function connectTimeoutMs(settings: Settings): number {
  const key = "connection-timeout";
  const found = settings.find(key);
  const ms = found === undefined ? 0 : parseDuration(found.value, nameSetting(key, found), "s");
  // 0 means "none" to users of `pipe`; a dial without any end would hold the line for minutes.
  return ms === 0 ? DEFAULT_CONNECT_TIMEOUT_MS : ms;
}

/** People write addresses as they stand in URLs and in other programs' configuration: `[::1]`, `*`. */
function parseListenAddress(text: string): string {
  return text === "*" ? "0.0.0.0" : text.replace(/^\[(.+)\]$/, "$1");
}
