// Our words in OpenSSH's client configuration: one Include in the user's file, one Host block per tunnel in our own.
import { UsageError } from "../../domain/errors.ts";
import type { MarkedBlock } from "./marked-block.ts";

/** What a Host block says. Paths are absolute. */
export type HostBlock = {
  readonly alias: string;
  /** Who put the block there: only the same one removes it. */
  readonly owner: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly hostKeyAlias: string;
};

/** Id of the block that holds the Include. */
export const INCLUDE_ID = "include";

/** Id of the same block in a file that did not exist before: it goes with the block. */
export const INCLUDE_NEW_FILE_ID = "include, file made by runtunnel";

/** Half a minute is below every idle limit of proxies we know; three misses are a dead peer. */
const SERVER_ALIVE_INTERVAL_S = 30;
const SERVER_ALIVE_COUNT = 3;

/** First line of our own file. */
export const OWN_FILE_HEAD = "# Written by runtunnel, replaced without notice: put your own settings elsewhere";

const OWNER_PREFIX = "# owner ";

/** Checks an alias: it becomes a pattern after `Host` and the name of a PuTTY session. Throws UsageError. */
export function checkAlias(alias: string): string {
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.+-]{0,127}$/u.test(alias)) {
    throw new UsageError(`SSH host name "${alias}" cannot be used`, {
      hint: "Use letters, digits, dots, dashes and underscores, for example --ssh-host my-run",
    });
  }
  return alias;
}

/** The block with our Include. A path in it is a pattern for OpenSSH, so its special characters are escaped. */
export function includeBlock(id: string, ownConfig: string): MarkedBlock {
  // Some versions expand `%` and `${` here and some do not: a pattern that matches either is right for all.
  const escaped = forwardSlashes(ownConfig)
    .replaceAll(/[*?[\]\\]/g, "\\$&")
    .replaceAll(/%|\$(?=\{)/g, "?");
  return { id, lines: [`Include ${quoteValue(escaped)}`] };
}

/** The block of one host. Everything that a user's `Host *` could otherwise turn against it is said here, since the
 * first value that OpenSSH finds wins. */
export function hostBlock(host: HostBlock): MarkedBlock {
  const settings: readonly (readonly [string, string | number])[] = [
    ["HostName", host.address],
    ["Port", host.port],
    ["User", host.user],
    ["IdentityFile", quoteValue(escapePercent(forwardSlashes(host.identityFile)))],
    ["IdentitiesOnly", "yes"],
    ["PreferredAuthentications", "publickey"],
    ["PubkeyAuthentication", "yes"],
    ["HostKeyAlias", host.hostKeyAlias],
    ["UserKnownHostsFile", quoteValue(escapePercent(forwardSlashes(host.knownHostsFile)))],
    ["StrictHostKeyChecking", "yes"],
    ["UpdateHostKeys", "no"],
    ["CheckHostIP", "no"],
    ["NoHostAuthenticationForLocalhost", "no"],
    ["AddressFamily", host.address.includes(":") ? "inet6" : "inet"],
    ["ProxyCommand", "none"],
    ["ServerAliveInterval", SERVER_ALIVE_INTERVAL_S],
    ["ServerAliveCountMax", SERVER_ALIVE_COUNT],
  ];
  return {
    id: hostBlockId(host.alias),
    lines: [
      `${OWNER_PREFIX}${host.owner}`,
      `Host ${host.alias}`,
      ...settings.map(([name, value]) => `    ${name} ${value}`),
    ],
  };
}

/** Id of a host's block. */
export function hostBlockId(alias: string): string {
  return `host ${alias}`;
}

/** Who put the block there; undefined when somebody took the line out. */
export function ownerOf(block: MarkedBlock): string | undefined {
  return block.lines.find((line) => line.startsWith(OWNER_PREFIX))?.slice(OWNER_PREFIX.length);
}

/** Quotes a value where it needs it. OpenSSH knows no escape for line ends; such paths are refused. */
function quoteValue(value: string): string {
  if (/[\r\n\0]/.test(value))
    throw new UsageError(`Path ${JSON.stringify(value)} cannot be used in an SSH configuration`);
  if (/^[^\s"'#=\\]+$/.test(value)) return value;
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** OpenSSH expands `%h` and its kin in file names. */
function escapePercent(path: string): string {
  return path.replaceAll("%", "%%");
}

/** Windows' OpenSSH takes both slashes, Git's takes forward ones only. */
function forwardSlashes(path: string): string {
  return /^[A-Za-z]:[\\/]|^\\\\/.test(path) ? path.replaceAll("\\", "/") : path;
}
