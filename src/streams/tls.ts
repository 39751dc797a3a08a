// TLS over TCP, verified by default.
import type net from "node:net";
import tls from "node:tls";
import { type Endpoint, formatEndpoint, isIpAddress } from "../domain/endpoint.ts";
import { errorMessage, systemErrorCode, TimeoutError, UnreachableError } from "../domain/errors.ts";
import type { TlsOptions } from "../domain/route.ts";
import { withDeadline } from "./deadline.ts";
import type { RewindableStream } from "./inbound-stream.ts";
import { fromDuplex } from "./node-duplex.ts";
import { type ConnectOptions, connectSocket } from "./tcp-connect.ts";

/** A connect and how far to trust what answers. */
export type TlsConnectOptions = ConnectOptions & {
  readonly tls: TlsOptions;
  /** The name the certificate must bear and the server is asked for; by default the endpoint's host. */
  readonly serverName?: string;
  /** Application protocols to offer. */
  readonly protocols?: readonly string[];
};

/** Connects and shakes hands within one deadline. Rejects with an AppError (hop `tls` from the handshake on) or the
 * signal's reason. An end is passed to the peer as close_notify, which most take as the end of both halves. */
export async function connectTls(endpoint: Endpoint, options: TlsConnectOptions): Promise<RewindableStream> {
  const startedMs = performance.now();
  const socket = await connectSocket(endpoint, options, (opened) => opened);
  socket.setNoDelay(true);
  const timeoutMs = Math.max(options.timeoutMs - (performance.now() - startedMs), 1);
  const onTimeout = (): TimeoutError =>
    new TimeoutError(`No TLS handshake with ${formatEndpoint(endpoint)} within ${options.timeoutMs} ms`, {
      code: "tls-timeout",
      hop: "tls",
      hint: "Check that the server speaks TLS on this port",
    });
  try {
    return await withDeadline({ signal: options.signal, timeoutMs, onTimeout }, (signal) =>
      shakeHands(socket, endpoint, options, signal),
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function shakeHands(
  socket: net.Socket,
  endpoint: Endpoint,
  options: TlsConnectOptions,
  signal: AbortSignal,
): Promise<RewindableStream> {
  return new Promise((resolve, reject) => {
    const { certificateAuthority, verify } = options.tls;
    const name = options.serverName ?? endpoint.host;
    const secure = tls.connect({
      socket,
      host: name,
      // RFC 6066, section 3: no literal addresses in a server name.
      ...(isIpAddress(name) ? {} : { servername: name }),
      rejectUnauthorized: verify,
      ...(certificateAuthority === undefined ? {} : { ca: [...tls.rootCertificates, certificateAuthority] }),
      ...(options.protocols === undefined ? {} : { ALPNProtocols: [...options.protocols] }),
    });
    const onError = (error: Error): void => {
      secure.destroy();
      reject(tlsError(endpoint, name, error));
    };
    const onClose = (): void => reject(tlsError(endpoint, name, undefined));
    secure.on("error", onError);
    secure.on("close", onClose);
    signal.addEventListener("abort", () => secure.destroy(), { once: true });
    secure.once("secureConnect", () => {
      const stream = fromDuplex(secure, { canHalfClose: false });
      secure.off("error", onError);
      secure.off("close", onClose);
      resolve(stream);
    });
  });
}

type Reason = { readonly code: string; readonly state: string; readonly hint: string };

const CA_HINT = "Give the authority's certificate as CA file, or use --insecure where you trust the network";

const UNKNOWN_AUTHORITY: Reason = {
  code: "tls-unknown-authority",
  state: "its certificate comes from an unknown authority",
  hint: CA_HINT,
};

const REASONS: Readonly<Record<string, Reason>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: {
    code: "tls-certificate-expired",
    state: "its certificate has expired",
    hint: "Check this machine's clock, and tell the server's administrator",
  },
  CERT_NOT_YET_VALID: {
    code: "tls-certificate-not-yet-valid",
    state: "its certificate is not valid yet",
    hint: "Check this machine's clock",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "tls-wrong-name",
    state: "its certificate is made out to another name",
    hint: "Use the name that the certificate bears",
  },
};

function tlsError(endpoint: Endpoint, name: string, cause: unknown): UnreachableError {
  const peer = `${formatEndpoint(endpoint)}${name === endpoint.host ? "" : ` ("${name}")`}`;
  const action = `No TLS connection to ${peer}`;
  const system = systemErrorCode(cause);
  const reason = system === undefined ? undefined : REASONS[system];
  if (reason !== undefined) {
    const { code, hint } = reason;
    return new UnreachableError(`${action}: ${reason.state}`, { code, hop: "tls", hint, cause, transient: false });
  }
  if (cause === undefined || system === "ECONNRESET") {
    return new UnreachableError(`${action}: the peer closed the connection`, {
      code: "tls-closed",
      hop: "tls",
      hint: "Check that the server speaks TLS on this port",
      cause,
    });
  }
  return new UnreachableError(`${action}: ${errorMessage(cause)}`, {
    code: "tls-failed",
    hop: "tls",
    hint: "Check that the server speaks TLS on this port",
    cause,
  });
}
