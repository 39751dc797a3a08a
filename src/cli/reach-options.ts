// Options about the way to a run, for all commands that reach one, and their readers.
import type { Argv } from "yargs";
import { parseDuration } from "../domain/duration.ts";
import type { Settings } from "../domain/setting.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import type { Arguments } from "./command.ts";
import { parseWholeNumber, readSwitch, readText, resolveUserPath, SHORT_NAMES } from "./options.ts";

/** Time for one dial: a healthy path answers in well under a second, a lost packet costs one to three. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_RETRIES = "10";
/** VS Code gives a connection 15 s; what is held longer is lost anyway. */
const DEFAULT_HOLD_MS = 10_000;

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

/** Reads them. */
export function reachSpec(words: Arguments, settings: Settings, workingFolder: string, homeFolder: string): ReachSpec {
  const region = readText(words, "region");
  const actAs = readText(words, "user");
  const app = readText(words, "app");
  const identity = readText(words, "identity");
  return {
    listenAddress: settings.find("listen-address")?.value ?? "127.0.0.1",
    direct: readSwitch(words, "direct"),
    ...(region === undefined ? {} : { region }),
    ...(actAs === undefined ? {} : { actAs }),
    ...(app === undefined ? {} : { app }),
    ...(identity === undefined ? {} : { identity: resolveUserPath(identity, workingFolder, homeFolder) }),
    connectTimeoutMs: connectTimeoutMs(settings),
    retries: parseWholeNumber(settings.find("retries")?.value ?? DEFAULT_RETRIES, "--retries", 1, 1000),
    holdMs: DEFAULT_HOLD_MS,
  };
}

function connectTimeoutMs(settings: Settings): number {
  const text = settings.find("connection-timeout")?.value;
  const ms = text === undefined ? 0 : parseDuration(text, "--connection-timeout", "s");
  // 0 means "none" to users of `pipe`; a dial without any end would hold the line for minutes.
  return ms === 0 ? DEFAULT_CONNECT_TIMEOUT_MS : ms;
}
