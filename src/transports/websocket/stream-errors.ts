// What can go wrong with a WebSocket that was open, as errors. Pure.
import { UnreachableError } from "../../domain/errors.ts";

/** The connection to the relay broke. */
export function lostError(shown: string, cause: Error): UnreachableError {
  return new UnreachableError(`The connection to the relay ${shown} broke`, {
    code: "relay-lost",
    hop: "proxy-tcp",
    cause,
  });
}

/** The relay sent what no WebSocket server may. */
export function protocolError(shown: string, cause: Error): UnreachableError {
  return new UnreachableError(`The relay ${shown} broke the WebSocket protocol: ${cause.message}`, {
    code: "bad-frames",
    hop: "proxy-tcp",
    cause,
  });
}

/** The relay ended inside a message, so bytes are missing. */
export function truncatedError(shown: string): UnreachableError {
  return new UnreachableError(`The relay ${shown} closed the connection in the middle of a message`, {
    code: "truncated",
    hop: "proxy-tcp",
  });
}

/** The relay answers pings no more. */
export function deadPeerError(shown: string): UnreachableError {
  return new UnreachableError(`The relay ${shown} does not answer any more`, {
    code: "relay-silent",
    hop: "proxy-tcp",
  });
}

/** The relay lives, but what stands behind it has said nothing for longer than it would. */
export function silentRunError(shown: string): UnreachableError {
  return new UnreachableError(`Nothing comes from behind the relay ${shown} any more: the connection there has ended`, {
    code: "run-silent",
    hop: "remote-port",
  });
}

/** The far side ended before it was known to be reached. */
export function closedBeforeProofError(shown: string): UnreachableError {
  return new UnreachableError(`The far side of ${shown} closed the connection without a word`, {
    code: "closed-at-once",
    hop: "remote-port",
    hint: "Check that the service in the run has started",
  });
}
