// The words of `start` as options of its use case.
import type { ConflictFlags } from "../domain/conflict.ts";
import { MAX_PORT } from "../domain/endpoint.ts";
import { UsageError } from "../domain/errors.ts";
import { pairPorts } from "../domain/ports.ts";
import type { Settings } from "../domain/setting.ts";
import type { StartOptions } from "../tunnel/start.ts";
import type { Arguments } from "./command.ts";
import {
  parseWholeNumber,
  readDuration,
  readPorts,
  readSwitch,
  readText,
  readTexts,
  resolveUserPath,
} from "./options.ts";
import { probeSpec, reachSpec } from "./reach-options.ts";
import { nameSetting } from "./settings.ts";

const DEFAULT_START_TIMEOUT_MS = 5 * 60_000;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** Words and settings -> the use case's options. */
export function startOptions(
  words: Arguments,
  settings: Settings,
  workingFolder: string,
  homeFolder: string,
): StartOptions {
  const path = (name: string): string | undefined => {
    const text = readText(words, name);
    return text === undefined ? undefined : resolveUserPath(text, workingFolder, homeFolder);
  };
  const runName = words["run"] === "" ? undefined : readText(words, "run");
  if (runName === undefined)
    throw new UsageError("No run is given", {
      hint: 'Type "runtunnel start RUN -lp 4567 -rp 22"; "runtunnel runs" lists your runs',
    });
  const platform = readText(words, "platform");
  const logFile = path("log-file");
  const conflict = readSwitch(words, "ignore-existing") ? undefined : conflictFlags(words);
  const ssh = sshSpec(words, settings, workingFolder, homeFolder);
  const probe = probeSpec(words);
  return {
    run: runName,
    ...(platform === undefined ? {} : { platform }),
    spec: {
      ...wantedPorts(words, settings),
      ...reachSpec(words, settings, workingFolder, homeFolder),
      ...(ssh === undefined ? {} : { ssh }),
      waitForRemote: readText(words, "wait-for") === "remote",
      ...(probe === undefined ? {} : { probe }),
    },
    remotePortsGiven: words["remote-port"] !== undefined,
    ...(conflict === undefined ? {} : { conflict }),
    timeoutMs: readDuration(words, "timeout", "ms") ?? DEFAULT_START_TIMEOUT_MS,
    stopTimeoutMs: readDuration(words, "timeout-stop", "s") ?? DEFAULT_STOP_TIMEOUT_MS,
    foreground: readSwitch(words, "foreground"),
    ...(logFile === undefined ? {} : { logFile }),
  };
}

function wantedPorts(words: Arguments, settings: Settings): Pick<StartOptions["spec"], "ports" | "portFallback"> {
  const local = readPorts(words, "local-port");
  const remote = readPorts(words, "remote-port");
  const preferred = settings.find("preferred-port");
  // Both may be left out, or any free local port be asked for alone, where the platform knows services by name.
  if (preferred === undefined && local === undefined && remote === undefined) return { ports: [], portFallback: false };
  if (local?.[0] === 0 && remote === undefined) return { ports: [{ local: 0, remote: 0 }], portFallback: false };
  if (preferred === undefined || local !== undefined) return { ports: pairPorts(local, remote), portFallback: false };
  const count = remote?.length ?? 1;
  const port = parseWholeNumber(preferred.value, nameSetting("preferred-port", preferred), 1, MAX_PORT + 1 - count);
  const wanted = Array.from({ length: count }, (_, index) => port + index);
  return { ports: pairPorts(wanted, remote), portFallback: true };
}

function conflictFlags(words: Arguments): ConflictFlags {
  return {
    keepExisting: readSwitch(words, "keep-existing"),
    keepSame: readSwitch(words, "keep-same"),
    replaceExisting: readSwitch(words, "replace-existing"),
    replaceDifferent: readSwitch(words, "replace-different"),
    ignoreOwner: readSwitch(words, "ignore-owner"),
  };
}

function sshSpec(
  words: Arguments,
  settings: Settings,
  workingFolder: string,
  homeFolder: string,
): StartOptions["spec"]["ssh"] {
  const alias = readText(words, "ssh-host");
  const users = readTexts(words, "ssh-user");
  if (users.includes("")) throw new UsageError("--ssh-user needs a value");
  const folder = settings.find("ssh-path")?.value;
  const keep = readSwitch(words, "ssh-keep");
  if (!readSwitch(words, "ssh")) {
    const lonely = [
      alias === undefined ? "" : "--ssh-host",
      users.length === 0 ? "" : "--ssh-user",
      keep ? "--ssh-keep" : "",
      words["identity"] === undefined ? "" : "--identity",
    ];
    const named = lonely.filter((name) => name !== "");
    if (named.length > 0)
      throw new UsageError(`${named.join(", ")} makes sense only with --ssh`, { hint: "Add --ssh" });
    return undefined;
  }
  return {
    users,
    keep,
    ...(alias === undefined ? {} : { alias }),
    ...(folder === undefined ? {} : { folder: resolveUserPath(folder, workingFolder, homeFolder) }),
  };
}
