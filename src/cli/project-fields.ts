// The fields of a file of tunnels, and what each may hold. Names are those of the long options of `start`. Pure.
import { parseDuration } from "../domain/duration.ts";
import { UsageError } from "../domain/errors.ts";
import { parsePortRange } from "../domain/ports.ts";
import type { SettingDeclaration } from "../domain/setting.ts";
import { PROBE_KINDS } from "../domain/tunnel-spec.ts";
import { parseWholeNumber } from "./options.ts";

/** What a field may hold; `check` throws for text that does not fit. */
export type FieldRule = {
  /** For messages: `a port or a range, as 4567 or "4567-4569"`. */
  readonly allowed: string;
  readonly types: readonly ("string" | "number" | "boolean" | "list")[];
  readonly check?: (text: string, field: string) => unknown;
};

const TEXT: FieldRule = { allowed: "a text", types: ["string"] };
const NAME_TEXT: FieldRule = { allowed: "a text or a number", types: ["string", "number"] };
const SWITCH: FieldRule = { allowed: "true or false", types: ["boolean"] };
const PORTS: FieldRule = {
  allowed: 'a port or a range, as 4567 or "4567-4569"',
  types: ["number", "string"],
  check: parsePortRange,
};
const duration = (unit: "ms" | "s"): FieldRule => ({
  allowed: `a duration, as "30s" or "5m"; a bare number is in ${unit === "ms" ? "milliseconds" : "seconds"}`,
  types: ["string", "number"],
  check: (text, field) => parseDuration(text, field, unit),
});

/** Fields of one tunnel that are options of `start`. */
const TUNNEL_FIELDS: Readonly<Record<string, FieldRule>> = {
  run: NAME_TEXT,
  platform: TEXT,
  "local-port": PORTS,
  "remote-port": PORTS,
  "preferred-port": {
    allowed: "a port from 1 to 65535",
    types: ["number"],
    check: (text, field) => parseWholeNumber(text, field, 1, 65_535),
  },
  "listen-address": TEXT,
  direct: SWITCH,
  region: TEXT,
  user: TEXT,
  app: TEXT,
  ssh: SWITCH,
  "ssh-path": TEXT,
  "ssh-host": TEXT,
  "ssh-user": { allowed: "a text or a list of texts", types: ["string", "list"] },
  "ssh-keep": SWITCH,
  identity: TEXT,
  "connection-timeout": duration("s"),
  retries: {
    allowed: "a whole number from 1 to 1000",
    types: ["number"],
    check: (text, field) => parseWholeNumber(text, field, 1, 1000),
  },
  timeout: duration("ms"),
  "timeout-stop": duration("s"),
  "wait-for": {
    allowed: '"remote"',
    types: ["string"],
    check: (text) => {
      if (text !== "remote") throw new UsageError(`"${text}" cannot be waited for`);
    },
  },
  probe: {
    allowed: PROBE_KINDS.map((kind) => `"${kind}"`).join(", "),
    types: ["string"],
    check: (text) => {
      if (!PROBE_KINDS.some((kind) => kind === text)) throw new UsageError(`There is no probe "${text}"`);
    },
  },
  "probe-interval": duration("s"),
  "probe-timeout": duration("s"),
  "probe-threshold": {
    allowed: "a whole number from 1 to 1000",
    types: ["number"],
    check: (text, field) => parseWholeNumber(text, field, 1, 1000),
  },
  "log-file": TEXT,
  profile: TEXT,
};

/** Fields of a tunnel, with the flags that platforms declare. */
export function tunnelFields(declarations: readonly SettingDeclaration[]): Readonly<Record<string, FieldRule>> {
  const fields: Record<string, FieldRule> = { name: TEXT, ...TUNNEL_FIELDS };
  for (const { flag, key, kind } of declarations) {
    if (flag !== undefined && key.includes(".")) fields[flag] = kind === "boolean" ? SWITCH : TEXT;
  }
  return fields;
}

/** Fields of `[defaults]`: what makes sense for several tunnels. */
export function defaultFields(declarations: readonly SettingDeclaration[]): Readonly<Record<string, FieldRule>> {
  const single = ["name", "run", "local-port", "remote-port", "preferred-port", "ssh-host", "log-file"];
  return Object.fromEntries(Object.entries(tunnelFields(declarations)).filter(([name]) => !single.includes(name)));
}

/** Fields of `[service]`. */
export const SERVICE_FIELDS: Readonly<Record<string, FieldRule>> = {
  listen: { allowed: 'a port or an endpoint, as 9464 or "127.0.0.1:9464"', types: ["number", "string"] },
  "stop-timeout": duration("s"),
};
