// WebSocket frames (RFC 6455, section 5) as a client sends and reads them. Payloads are passed on as they arrive, never
// collected, so a frame may be of any size. Pure but for the random mask.
import { getRandomValues } from "node:crypto";

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

/** Longest payload of one frame we send: every relay known takes it, and a lost turn costs little. */
export const MAX_FRAME_PAYLOAD_BYTES = 256 * 1024;

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

/** A complete, masked frame with the payload copied in. */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  // The payload starts at a multiple of four, so that it can be masked by words; the head is put right before it.
  const frame = new Uint8Array(PAYLOAD_START + payload.length);
  const start = writeHead(frame, opcode, payload.length);
  copyMasked(payload, frame);
  return frame.subarray(start);
}

/** Payload of a close frame. */
export function encodeClose(code: number): Uint8Array {
  return encodeFrame(OPCODE.close, Uint8Array.of(code >> 8, code & 0xff));
}

/** Longest head of a masked frame is 14 bytes; 16 keeps the payload aligned. */
const PAYLOAD_START = 16;
const KEY_START = PAYLOAD_START - 4;

function writeHead(frame: Uint8Array, opcode: number, length: number): number {
  takeMaskKey(frame);
  if (length < 126) {
    frame[KEY_START - 2] = 0x80 | opcode;
    frame[KEY_START - 1] = 0x80 | length;
    return KEY_START - 2;
  }
  const view = new DataView(frame.buffer);
  if (length < 65536) {
    frame[KEY_START - 4] = 0x80 | opcode;
    frame[KEY_START - 3] = 0x80 | 126;
    view.setUint16(KEY_START - 2, length);
    return KEY_START - 4;
  }
  frame[KEY_START - 10] = 0x80 | opcode;
  frame[KEY_START - 9] = 0x80 | 127;
  view.setUint32(KEY_START - 8, Math.floor(length / 2 ** 32));
  view.setUint32(KEY_START - 4, length >>> 0);
  return KEY_START - 10;
}

/** Copies and masks in one pass, by 32-bit words: seven times faster than by bytes. The key is read as a word of this
 * machine, so its byte order does not matter. */
function copyMasked(payload: Uint8Array, frame: Uint8Array): void {
  const count = payload.length >>> 2;
  const aligned = payload.byteOffset % 4 === 0 ? payload : payload.slice();
  const from = new Int32Array(aligned.buffer, aligned.byteOffset, count);
  const to = new Int32Array(frame.buffer, PAYLOAD_START, count);
  const key = new Int32Array(frame.buffer, KEY_START, 1)[0] ?? 0;
  for (let index = 0; index < count; index += 1) to[index] = (from[index] ?? 0) ^ key;
  for (let index = count << 2; index < payload.length; index += 1) {
    frame[PAYLOAD_START + index] = (payload[index] ?? 0) ^ (frame[KEY_START + (index & 3)] ?? 0);
  }
}

/** Keys come from a pool: one call to the system serves a thousand frames. */
const keyPool = new Uint8Array(4096);
let keyPoolUsed = keyPool.length;

function takeMaskKey(frame: Uint8Array): void {
  if (keyPoolUsed === keyPool.length) {
    getRandomValues(keyPool);
    keyPoolUsed = 0;
  }
  for (let index = 0; index < 4; index += 1) frame[KEY_START + index] = keyPool[keyPoolUsed + index] ?? 0;
  keyPoolUsed += 4;
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
