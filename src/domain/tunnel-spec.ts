// What one tunnel is, apart from any process: everything needed to serve it again, and no secrets.
import type { PortPair } from "./ports.ts";

/** Passwordless SSH as asked for. */
export type SshSpec = {
  /** Folder of the OpenSSH client's files; the user's own by default. */
  readonly folder?: string;
  /** Alias; by default the run's name. */
  readonly alias?: string;
  /** Accounts to authorise, the first is the default login; empty: the platform's choice. */
  readonly users: readonly string[];
  /** Leave the configuration in place after stop. */
  readonly keep: boolean;
};

/** What a probe must see: a connection, an SSH banner, or an HTTP answer of any status. */
export type ProbeKind = "dial" | "ssh" | "http";

/** Every kind of probe, for decoders and for the command line. */
export const PROBE_KINDS: readonly ProbeKind[] = ["dial", "ssh", "http"];

/** How the tunnel's health is looked at, where the user has wishes. */
export type ProbeSpec = {
  /** Absent: by the remote port. */
  readonly kind?: ProbeKind;
  /** Between two probes while all is well, milliseconds. */
  readonly intervalMs?: number;
  /** For one probe, milliseconds; absent: that of a dial. */
  readonly timeoutMs?: number;
  /** Failures in a row after which the tunnel counts as unhealthy. */
  readonly threshold?: number;
};

/** One tunnel. Format 1 of the record holds it as it stands here. */
export type TunnelSpec = {
  readonly platform: string;
  /** Canonical id of the run on its platform. */
  readonly run: string;
  readonly ports: readonly PortPair[];
  readonly listenAddress: string;
  /** Whether a free port may be taken where a wanted local port is held by somebody else. */
  readonly portFallback: boolean;
  readonly direct: boolean;
  readonly region?: string;
  readonly actAs?: string;
  readonly app?: string;
  /** Absolute path of a key of the user's own. */
  readonly identity?: string;
  readonly ssh?: SshSpec;
  /** For one dial, milliseconds. */
  readonly connectTimeoutMs: number;
  /** Tries per dial and per API call. */
  readonly retries: number;
  /** How long a new local connection may wait while the route is down, milliseconds. */
  readonly holdMs: number;
  /** Whether the tunnel counts as started only when the remote port answered. */
  readonly waitForRemote: boolean;
  readonly probe?: ProbeSpec;
};

/** The aspects that make two tunnels the same; names are those that messages use. */
export function isSameTunnel(one: TunnelSpec, other: TunnelSpec): boolean {
  return (
    one.platform === other.platform &&
    one.run === other.run &&
    one.direct === other.direct &&
    one.app === other.app &&
    one.listenAddress === other.listenAddress &&
    isSamePorts(one.ports, other.ports) &&
    isSameSsh(one.ssh, other.ssh)
  );
}

/** The wanted tunnel with its wishes filled in: where any free local port would do (a local port 0, a preferred port), that
 * of a tunnel which stands, if it leads to the same remote port. What cannot be filled stays as it is. */
export function fillPortWishes(wanted: TunnelSpec, chosen: readonly PortPair[]): TunnelSpec {
  if (wanted.ports.length !== chosen.length) return wanted;
  const ports = wanted.ports.map((pair, index) => {
    const other = chosen[index];
    const isWish = pair.local === 0 || wanted.portFallback;
    return isWish && other !== undefined && other.remote === pair.remote ? other : pair;
  });
  return { ...wanted, ports };
}

/** Local ports that both tunnels want; a wish for any free port collides with nothing. */
export function sharedLocalPorts(one: readonly PortPair[], other: readonly PortPair[]): readonly number[] {
  const taken = new Set(other.map((pair) => pair.local));
  return one.map((pair) => pair.local).filter((port) => port !== 0 && taken.has(port));
}

function isSamePorts(one: readonly PortPair[], other: readonly PortPair[]): boolean {
  return (
    one.length === other.length &&
    one.every((pair, index) => pair.local === other[index]?.local && pair.remote === other[index]?.remote)
  );
}

function isSameSsh(one: SshSpec | undefined, other: SshSpec | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.folder === other.folder && one.alias === other.alias && one.users.join("\n") === other.users.join("\n");
}
