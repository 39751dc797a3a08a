// WebSocket frames (RFC 6455, section 5) as a client reads them. Payloads are passed on as they arrive, never collected, so
// a frame may be of any size. Pure.

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes we send or explain (RFC 6455, section 7.4.1, and the registry of IANA for 1013). */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatus: 1005,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;

/** Longest payload of a control frame (section 5.5). */
const MAX_CONTROL_BYTES = 125;

/** The peer broke the protocol; `closeCode` is what to tell it. */
export class FrameError extends Error {
  readonly closeCode: number;
  constructor(message: string, closeCode: number = CLOSE.protocolError) {
    super(message);
    this.name = "FrameError";
    this.closeCode = closeCode;
  }
}

/** Receives what a FrameReader finds. */
export interface FrameSink {
  /** Bytes of binary messages, in order; as many at once as the chunk holds. */
  onBytes(bytes: Uint8Array): void;
  onPing(payload: Uint8Array): void;
  onPong(): void;
  /** The peer's close frame; nothing behind it counts. `code` is 1005 where the frame carried none. */
  onCloseFrame(code: number, reason: string): void;
}

/** Reads frames out of bytes cut anywhere. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head = new Uint8Array(10);
  #headLength = 0;
  #opcode = 0;
  /** Bytes of the current payload still to come; -1 between frames. */
  #remaining = -1;
  #inMessage = false;
  #lastOfMessage = true;
  #control: Uint8Array | undefined;
  #closed = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether more of a frame or of a fragmented message must come. */
  get isInsideFrame(): boolean {
    return this.#headLength > 0 || this.#remaining >= 0 || this.#inMessage;
  }

  /** Reads on. The chunk becomes the reader's: payloads are moved together in it, so that frames cost no system call each.
   * Throws FrameError. */
  read(chunk: Uint8Array): void {
    const payload = new Payload(chunk, this.#sink);
    try {
      this.#readFrames(chunk, payload);
    } finally {
      // What came whole before a broken frame counts, however the bytes were cut on their way.
      payload.flush();
    }
  }

  #readFrames(chunk: Uint8Array, payload: Payload): void {
    let offset = 0;
    while (offset < chunk.length && !this.#closed) {
      if (this.#remaining < 0) {
        offset += this.#readHead(chunk, offset);
      } else {
        const end = Math.min(chunk.length, offset + this.#remaining);
        this.#remaining -= end - offset;
        if (this.#control === undefined) payload.add(offset, end);
        else this.#control.set(chunk.subarray(offset, end), this.#control.length - this.#remaining - (end - offset));
        offset = end;
      }
      if (this.#remaining === 0) this.#finishFrame(payload);
    }
  }

  #readHead(chunk: Uint8Array, offset: number): number {
    let used = 0;
    while (offset + used < chunk.length) {
      this.#head[this.#headLength] = chunk[offset + used] ?? 0;
      this.#headLength += 1;
      used += 1;
      if (this.#headLength >= 2 && this.#headLength === headLength(this.#head)) {
        this.#startFrame();
        break;
      }
    }
    return used;
  }

  #startFrame(): void {
    const first = this.#head[0] ?? 0;
    const second = this.#head[1] ?? 0;
    this.#headLength = 0;
    if ((first & 0x70) !== 0) throw new FrameError("reserved bits are set, though no extension was agreed on");
    if ((second & 0x80) !== 0) throw new FrameError("a frame from the server is masked");
    this.#opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    const length = payloadLength(this.#head);
    if (this.#opcode >= OPCODE.close) this.#startControl(isFinal, length);
    else this.#startData(isFinal);
    this.#remaining = length;
  }

  #startControl(isFinal: boolean, length: number): void {
    if (this.#opcode > OPCODE.pong) throw new FrameError(`opcode ${this.#opcode} is unknown`);
    if (!isFinal || length > MAX_CONTROL_BYTES) throw new FrameError("a control frame is fragmented or too long");
    this.#control = new Uint8Array(length);
  }

  #startData(isFinal: boolean): void {
    if (this.#opcode === OPCODE.text) throw new FrameError("text came where only bytes may", CLOSE.unsupportedData);
    if (this.#opcode > OPCODE.binary) throw new FrameError(`opcode ${this.#opcode} is unknown`);
    const continues = this.#opcode === OPCODE.continuation;
    if (continues !== this.#inMessage) throw new FrameError("the fragments of a message are out of order");
    this.#lastOfMessage = isFinal;
    this.#inMessage = true;
  }

  #finishFrame(payload: Payload): void {
    this.#remaining = -1;
    const control = this.#control;
    this.#control = undefined;
    if (control === undefined) {
      if (this.#lastOfMessage) this.#inMessage = false;
      return;
    }
    payload.flush();
    if (this.#opcode === OPCODE.ping) this.#sink.onPing(control);
    else if (this.#opcode === OPCODE.pong) this.#sink.onPong();
    else this.#finishClose(control);
  }

  #finishClose(payload: Uint8Array): void {
    this.#closed = true;
    const code = payload.length < 2 ? CLOSE.noStatus : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    this.#sink.onCloseFrame(code, new TextDecoder().decode(payload.subarray(2)));
  }
}

/** Payloads of one chunk, moved together. */
class Payload {
  readonly #chunk: Uint8Array;
  readonly #sink: FrameSink;
  #start = 0;
  #end = 0;

  constructor(chunk: Uint8Array, sink: FrameSink) {
    this.#chunk = chunk;
    this.#sink = sink;
  }

  add(start: number, end: number): void {
    if (this.#end === this.#start) {
      this.#start = start;
      this.#end = end;
      return;
    }
    this.#chunk.copyWithin(this.#end, start, end);
    this.#end += end - start;
  }

  flush(): void {
    if (this.#end === this.#start) return;
    const bytes =
      this.#end - this.#start === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#sink.onBytes(bytes);
  }
}

function headLength(head: Uint8Array): number {
  const length = (head[1] ?? 0) & 0x7f;
  return length === 126 ? 4 : length === 127 ? 10 : 2;
}

function payloadLength(head: Uint8Array): number {
  const length = (head[1] ?? 0) & 0x7f;
  const view = new DataView(head.buffer);
  if (length === 126) return view.getUint16(2);
  if (length < 126) return length;
  const high = view.getUint32(2);
  if (high > 0x1fffff) throw new FrameError("a frame is longer than any could be");
  return high * 2 ** 32 + view.getUint32(6);
}
