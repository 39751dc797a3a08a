// Says in our words why a TCP connect failed.
import { type Endpoint, formatEndpoint } from "../domain/endpoint.ts";
import {
  type AppError,
  errorMessage,
  type Hop,
  LocalError,
  systemErrorCode,
  TimeoutError,
  UnreachableError,
} from "../domain/errors.ts";

type Reason = { readonly code: string; readonly state: string; readonly hint?: string };

const CHECK_NETWORK = "Check the network or the VPN";

const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: { code: "connection-refused", state: "connection refused", hint: "Check that something listens there" },
  ECONNRESET: {
    code: "connection-reset",
    state: "connection reset",
    hint: "Try again; a firewall on the way may forbid this connection",
  },
  EHOSTUNREACH: { code: "host-unreachable", state: "no route to the host", hint: CHECK_NETWORK },
  EHOSTDOWN: { code: "host-unreachable", state: "the host is down", hint: CHECK_NETWORK },
  ENETUNREACH: { code: "network-unreachable", state: "no route to the network", hint: CHECK_NETWORK },
  ENETDOWN: { code: "network-unreachable", state: "the network is down", hint: CHECK_NETWORK },
  EACCES: { code: "connection-forbidden", state: "forbidden by this machine", hint: "Check the local firewall" },
  EPERM: { code: "connection-forbidden", state: "forbidden by this machine", hint: "Check the local firewall" },
};

const LOCAL_CODES: readonly string[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL"];

/** Turns what a connect failed with into an AppError. */
export function connectError(endpoint: Endpoint, hop: Hop, cause: unknown): AppError {
  const system = systemErrorCode(cause);
  const action = `Cannot connect to ${describePeer(endpoint, hop)}`;
  if (system === "ETIMEDOUT") {
    return new TimeoutError(`${action}: no answer`, { code: "connection-timeout", hop, cause, hint: CHECK_NETWORK });
  }
  if (system !== undefined && LOCAL_CODES.includes(system)) {
    const hint = "Close programs that hold many connections, or raise the limit of open files";
    return new LocalError(`${action}: this machine has no room for another connection (${system})`, {
      code: "no-room-for-connection",
      hop,
      cause,
      hint,
      transient: true,
    });
  }
  // The same failure has the same code whichever transport meets it.
  if (system === "ECONNREFUSED" && hop === "remote-port") return refusedPort(action, cause);
  const reason = system === undefined ? undefined : REASONS[system];
  if (reason === undefined) {
    return new UnreachableError(`${action}: ${errorMessage(cause)}`, { code: "connection-failed", hop, cause });
  }
  const { code, state, hint } = reason;
  return new UnreachableError(`${action}: ${state}`, { code, hop, cause, ...(hint === undefined ? {} : { hint }) });
}

function refusedPort(action: string, cause: unknown): UnreachableError {
  return new UnreachableError(`${action}: connection refused`, {
    code: "remote-port-refused",
    hop: "remote-port",
    hint: "Check that the run is up and that something listens on this port",
    cause,
  });
}

/** The error of a connect whose time is over. */
export function connectTimeout(endpoint: Endpoint, hop: Hop, timeoutMs: number): TimeoutError {
  return new TimeoutError(`Cannot connect to ${describePeer(endpoint, hop)}: no answer within ${timeoutMs} ms`, {
    code: "connection-timeout",
    hop,
    hint: CHECK_NETWORK,
  });
}

/** Whoever goes through a proxy must see whether it is the proxy that fails. */
function describePeer(endpoint: Endpoint, hop: Hop): string {
  return `${hop === "proxy-tcp" ? "proxy " : ""}${formatEndpoint(endpoint)}`;
}
