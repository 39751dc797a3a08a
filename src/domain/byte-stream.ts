// The one shape in which bytes travel inside this program: a TCP socket, a WebSocket and an SSH channel all look so.
//
// Push model, no promises per chunk: a relay moves gigabytes through it. A stream starts paused and silent;
// `attach` names the sink and starts it, beginning with bytes that arrived earlier (with a handshake, say).

/** Receives what a stream has to tell. After `onClose` nothing comes any more. */
export interface StreamSink {
  /** Bytes from the peer. The sink may keep the chunk; the stream never touches it again. */
  onData(chunk: Uint8Array): void;
  /** Room again after `write` took less than it was given. */
  onDrain(): void;
  /** The peer ended its half; the other half may still be written where `canHalfClose` is true. */
  onEnd(): void;
  /** Both halves are gone. Called once; `error` tells of a reset or a broken transport. */
  onClose(error?: Error): void;
}

/** A duplex stream of bytes with explicit backpressure. Whoever made it, or was handed it by a dial, closes it. */
export interface ByteStream {
  /** Whether `end()` leaves the peer's half open. Where false, `end()` may cost the peer's remaining bytes. */
  readonly canHalfClose: boolean;
  /** True where `write` has copied what it took when it returns, so that the caller may use that memory again. */
  readonly copiesAtOnce?: boolean;
  /** Names the sink and starts the flow; early bytes are delivered before this returns. May be called again to hand the
   * stream over to another sink. */
  attach(sink: StreamSink): void;
  /** Takes bytes in order and returns how many it took; the caller keeps the rest until `onDrain`. The caller must not
   * change the chunk afterwards. Returns 0 after the stream was closed. */
  write(chunk: Uint8Array): number;
  /** Stops `onData`; `onEnd` waits too. `onClose` still comes. */
  pause(): void;
  resume(): void;
  /** Ends our half after everything that `write` took. Safe to call twice. */
  end(): void;
  /** Drops both halves at once; with an error where the transport can tell the peer (a reset). Safe to call twice. */
  destroy(error?: Error): void;
}
