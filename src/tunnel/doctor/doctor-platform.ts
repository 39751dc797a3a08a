// Looks at the way to a platform's API: credentials, name, network, and whether it knows us.
import type { Check } from "../../domain/check.ts";
import { formatDuration } from "../../domain/duration.ts";
import { type Endpoint, formatEndpoint, isIpAddress } from "../../domain/endpoint.ts";
import { type Hop, TimeoutError, UsageError } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import type { AccessEndpoint, Platform, PlatformContext } from "../../platforms/platform.ts";
import { withDeadline } from "../../streams/deadline.ts";
import { type Resolver, resolveHost, systemResolver } from "../../streams/resolve-host.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import { connectTls } from "../../streams/tls.ts";
import type { Examination } from "./examination.ts";

/** A clock that is wrong by more makes signatures and certificates fail; answers tell whole seconds only. */
const TOLERATED_SKEW_MS = 60_000;

/** Limits of one look, and whether another one may do in its place. */
export type Limits = {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly isOptional?: boolean;
  /** Default: the system's. */
  readonly resolve?: Resolver;
};

/** Where a look goes. */
export type Peer = {
  readonly endpoint: Endpoint;
  /** What the peer is on the way, for the error and in words. */
  readonly hop: Hop;
  readonly what: string;
  /** Absent: plain TCP. */
  readonly tls?: TlsOptions;
};

/** Credentials, name and network of the service; true where the way to it is open. */
export async function examineAccess(
  platform: Platform,
  context: PlatformContext,
  examination: Examination,
  limits: Limits,
): Promise<boolean> {
  if (platform.describeAccess === undefined) return true;
  const describe = platform.describeAccess.bind(platform);
  const access = await examination.look("credentials", platform.title, async () => {
    const found = await describe(context);
    const [note] = found.notes;
    return note === undefined
      ? { value: found, message: found.credentials }
      : { value: found, state: "warning", message: `${found.credentials}: ${found.notes.join("; ")}` };
  });
  if (access === undefined) return false;
  for (const [index, endpoint] of access.endpoints.entries()) {
    // One that answers is enough.
    const isLast = index === access.endpoints.length - 1;
    if (await examineEndpoint(endpoint, examination, { ...limits, isOptional: !isLast })) return true;
  }
  return false;
}

/** Who the service says we are, and whether its clock agrees with ours. */
export async function examineIdentity(
  platform: Platform,
  context: PlatformContext,
  examination: Examination,
  signal: AbortSignal,
): Promise<boolean> {
  if (platform.whoAmI === undefined) return true;
  const ask = platform.whoAmI.bind(platform);
  const identity = await examination.look("api", platform.title, async () => {
    const value = await ask(context, signal);
    return { value, message: `answers, and knows us as ${value.name}` };
  });
  if (identity === undefined) return false;
  const skewMs = identity.clockSkewMs;
  if (skewMs !== undefined) examination.tell(clockCheck(skewMs, platform));
  return true;
}

function clockCheck(skewMs: number, platform: Platform): Check {
  const isWrong = Math.abs(skewMs) > TOLERATED_SKEW_MS;
  return {
    name: "clock",
    subject: platform.title,
    state: isWrong ? "warning" : "ok",
    message: isWrong
      ? `this machine's clock is ${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} the server's`
      : "agrees with the server's",
    ...(isWrong ? { hint: "Set the clock of this machine: logins and certificates depend on it" } : {}),
  };
}

/** Looks a name up, where it is one; true where it has addresses. */
export async function examineName(
  name: "api-dns" | "route-dns",
  host: string,
  examination: Examination,
  { isOptional, resolve = systemResolver, signal, timeoutMs }: Limits,
): Promise<boolean> {
  if (isIpAddress(host)) return true;
  const onTimeout = (): TimeoutError =>
    new TimeoutError(`Cannot find the address of "${host}": the name server does not answer within ${timeoutMs} ms`, {
      code: "dns-failed",
      hop: "dns",
      hint: "Check the name, the network and the VPN",
    });
  const ask = async () => {
    const addresses = await withDeadline({ signal, timeoutMs, onTimeout }, (bounded) =>
      resolveHost(host, resolve, bounded),
    );
    return { value: addresses, message: addresses.join(", ") };
  };
  return (await examination.look(name, host, ask, isOptional)) !== undefined;
}

/** Connects, with TLS where the peer speaks it, and hangs up; true where that worked. */
export async function examinePeer(
  name: "api-connect" | "route-connect",
  peer: Peer,
  examination: Examination,
  { isOptional, signal, timeoutMs }: Limits,
): Promise<boolean> {
  const { endpoint, hop, tls, what } = peer;
  const connect = async () => {
    const options = { signal, timeoutMs, hop };
    const stream =
      tls === undefined ? await connectTcp(endpoint, options) : await connectTls(endpoint, { ...options, tls });
    stream.destroy();
    const trust = tls?.verify === false ? "TLS, certificate not checked" : "TLS, certificate trusted";
    return { value: true, message: `${what} answers${tls === undefined ? "" : ` (${trust})`}` };
  };
  return (await examination.look(name, formatEndpoint(endpoint), connect, isOptional)) === true;
}

/** The endpoint of a URL. Throws UsageError. */
export function endpointOf(address: string): Endpoint {
  const url = URL.parse(address);
  if (url === null || url.hostname === "") throw new UsageError(`Cannot read the address "${address}"`);
  const byScheme = { "http:": 80, "ws:": 80, "https:": 443, "wss:": 443, "ssh:": 22 };
  const port = url.port === "" ? (byScheme[url.protocol as keyof typeof byScheme] ?? 0) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

async function examineEndpoint(
  { proxy, tls, url }: AccessEndpoint,
  examination: Examination,
  limits: Limits,
): Promise<boolean> {
  const endpoint = endpointOf(proxy ?? url);
  const isTls = (proxy ?? url).startsWith("https:");
  const place =
    proxy === undefined
      ? ({ hop: "api", what: "the API" } as const)
      : ({ hop: "proxy-tcp", what: "the proxy on the way to the API" } as const);
  return (
    (await examineName("api-dns", endpoint.host, examination, limits)) &&
    (await examinePeer("api-connect", { endpoint, ...place, ...(isTls ? { tls } : {}) }, examination, limits))
  );
}
