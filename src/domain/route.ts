// How to reach a run: the answer of a platform, the question to a transport. Never written to disk: it holds secrets.
import type { Secret } from "./secret.ts";

/** What a transport must know about the thing it goes through (a proxy, a relay, a jump host). */
export type Via = {
  /** `http://proxy:3128`, `https://proxy:443` (TLS to the proxy), `wss://relay/path`, `ssh://user@jump:22`. No secrets. */
  readonly url: string;
  /** Headers of one request, asked for anew at each dial, since signatures age. Values may be secret: never log them. */
  readonly headers?: (
    request: ViaRequest,
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly tls?: TlsOptions;
  /** How to log in at an SSH jump host. */
  readonly login?: SshLogin;
  /** True where the far side speaks first (SSH) and the thing between says yes before it has reached the run: only the
   * first bytes prove that the dial succeeded. */
  readonly greets?: boolean;
  /** Where the thing between hides that the far side is gone: a connection older than `afterMs` that says nothing for
   * `limitMs` counts as broken. Absent: silence means nothing. */
  readonly silence?: { readonly afterMs: number; readonly limitMs: number };
};

/** One request that a transport is about to send. */
export type ViaRequest = {
  readonly method: string;
  /** The request target exactly as on the wire. */
  readonly target: string;
  /** The exact value of the Host header. */
  readonly host: string;
};

/** How far to trust a TLS peer. */
export type TlsOptions = {
  /** PEM text of additional authorities. */
  readonly certificateAuthority?: string;
  /** False only when the user asked for `--insecure`. */
  readonly verify: boolean;
};

/** An account at an SSH server and how to prove that it is ours. */
export type SshLogin = {
  readonly user: string;
  readonly password?: Secret;
  /** Text of a private key: OpenSSH, PEM or PPK. */
  readonly privateKey?: Secret;
  readonly passphrase?: Secret;
  /** SHA-256 fingerprints (`SHA256:...`) or base64 keys that the server may show; absent: not known beforehand. */
  readonly hostKeys?: readonly string[];
};

/** The way to one run. The port is given with each dial. */
export type Route = {
  /** Name of the transport in the catalog. */
  readonly transport: string;
  /** What the far side calls the run's host: an address inside the cluster, a name. */
  readonly host: string;
  /** Absent for the direct transport. */
  readonly via?: Via;
  /** What the far side calls a remote port as users name it (22 of a session is 2200 there); the number it returns maps to
   * itself. Throws NotFoundError where the run offers no such port. Absent: every port is called by its own number. */
  readonly dialPort?: (remotePort: number) => number;
};

/** One line about the route for messages and `status`, without secrets. */
export function describeRoute(route: Route): string {
  return route.via === undefined ? `${route.host}, direct` : `${route.host}, ${route.transport} via ${route.via.url}`;
}
