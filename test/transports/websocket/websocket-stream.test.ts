// Open WebSockets in all that may happen to them, with time and the carrier in the test's hand.
import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/domain/errors.ts";
import { encodeClose } from "../../../src/transports/websocket/encode-frame.ts";
import { OPCODE } from "../../../src/transports/websocket/frames.ts";
import { TICK_MS } from "../../../src/transports/websocket/keepalive.ts";
import { WebSocketStream } from "../../../src/transports/websocket/websocket-stream.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { eventually } from "../../support/eventually.ts";
import { type PairedStream, streamPair } from "../../support/stream-pair.ts";

/** A client's stream, the relay's end of the carrier, and time. */
class Scene {
  readonly relay: PairedStream;
  readonly stream: WebSocketStream;
  readonly reader: StreamReader;
  readonly #sent: Buffer[] = [];
  #tick: (() => void) | undefined;
  #nowMs = 0;
  proof: Error | undefined | "none" = "none";

  constructor(options: { silence?: { afterMs: number; limitMs: number }; capacity?: number } = {}) {
    const [carrier, relay] = streamPair();
    if (options.capacity !== undefined) relay.capacity = options.capacity;
    this.relay = relay;
    relay.attach({
      onData: (chunk) => void this.#sent.push(Buffer.from(chunk)),
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => undefined,
    });
    this.stream = new WebSocketStream(carrier, {
      shown: "ws://relay.invalid/",
      timers: {
        now: () => this.#nowMs,
        every: (_ms, tick) => {
          this.#tick = tick;
          return () => {
            this.#tick = undefined;
          };
        },
      },
      silence: options.silence,
      proof: "pong",
      onProof: (error) => {
        this.proof = error;
      },
    });
    this.reader = new StreamReader(this.stream);
  }

  get isTicking(): boolean {
    return this.#tick !== undefined;
  }

  ticks(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#nowMs += TICK_MS;
      this.#tick?.();
    }
  }

  /** The relay sends a frame. */
  send(opcode: number, payload: Uint8Array | string): void {
    const bytes = Buffer.from(payload);
    this.relay.write(Buffer.concat([Buffer.from([0x80 | opcode, bytes.length]), bytes]));
  }

  /** Frames that the client has sent since the last look: opcode and payload. */
  takeFrames(): string[] {
    let rest = Buffer.concat(this.#sent.splice(0));
    const frames: string[] = [];
    while (rest.length > 0) {
      const short = rest.readUInt8(1) & 0x7f;
      const headBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      const key = rest.subarray(headBytes, headBytes + 4);
      const payload = rest.subarray(headBytes + 4, headBytes + 4 + length);
      const plain = Buffer.from(payload.map((byte, index) => byte ^ (key[index & 3] ?? 0)));
      const name = Object.entries(OPCODE).find(([, code]) => code === (rest.readUInt8(0) & 15))?.[0];
      frames.push(length > 50 ? `${name} ${length} bytes` : `${name} ${plain.toString("latin1")}`);
      rest = rest.subarray(headBytes + 4 + length);
    }
    return frames;
  }
}

function codeOf(error: Error | undefined): string | undefined {
  return error instanceof AppError ? `${error.hop} ${error.code}` : error?.message;
}

describe("WebSocketStream", () => {
  test("pings at once, takes the pong as proof, and pings every 20 s from then on", () => {
    const scene = new Scene();
    expect(scene.takeFrames()).toEqual(["ping "]);
    expect(scene.proof).toBe("none");
    scene.send(OPCODE.pong, "");
    expect(scene.proof).toBeUndefined();
    scene.ticks(1);
    expect(scene.takeFrames()).toEqual([]);
    scene.ticks(1);
    expect(scene.takeFrames()).toEqual(["ping "]);
  });

  test("breaks when a ping stays unanswered, and stops its timer", () => {
    const scene = new Scene();
    scene.send(OPCODE.pong, "");
    scene.ticks(5);
    expect(scene.reader.isClosed).toBe(true);
    expect(codeOf(scene.reader.error)).toBe("proxy-tcp relay-silent");
    expect(scene.relay.isClosed).toBe(true);
    expect(scene.isTicking).toBe(false);
  });

  test("blames nobody while its own side does not read", () => {
    const scene = new Scene();
    scene.stream.pause();
    scene.send(OPCODE.binary, "x".repeat(100));
    for (let index = 0; index < 400; index += 1) scene.send(OPCODE.binary, "y".repeat(120));
    scene.ticks(20);
    expect(scene.reader.isClosed).toBe(false);
    scene.stream.resume();
    expect(scene.reader.bytes).toBe(100 + 400 * 120);
  });

  test("notices a far side that is gone behind a relay that answers pings", () => {
    const scene = new Scene({ silence: { afterMs: 10 * TICK_MS, limitMs: 6 * TICK_MS } });
    for (let index = 0; index < 9; index += 1) {
      scene.send(OPCODE.pong, "");
      scene.ticks(1);
    }
    expect(scene.reader.isClosed).toBe(false);
    scene.send(OPCODE.pong, "");
    scene.ticks(1);
    expect(codeOf(scene.reader.error)).toBe("remote-port run-silent");
  });

  test("answers pings with their payload", () => {
    const scene = new Scene();
    scene.takeFrames();
    scene.send(OPCODE.ping, "are you there");
    expect(scene.takeFrames()).toEqual(["pong are you there"]);
  });

  test.each([
    [1000, undefined],
    [1001, undefined],
    [1005, undefined],
    [1013, "remote-port remote-port-refused"],
    [1011, "remote-port remote-port-refused"],
    [1009, "proxy-tcp message-too-big"],
    [4000, "proxy-tcp closed-by-relay"],
  ])("ends after the bytes before a close frame with %d", (code, error) => {
    const scene = new Scene();
    scene.takeFrames();
    scene.send(OPCODE.binary, "last words");
    scene.send(OPCODE.close, code === 1005 ? "" : Uint8Array.of(code >> 8, code & 255));
    expect(scene.reader.data.toString()).toBe("last words");
    expect(scene.reader.isClosed).toBe(true);
    expect(codeOf(scene.reader.error)).toBe(error);
    expect(scene.takeFrames()).toHaveLength(1);
    expect(scene.relay.isClosed).toBe(true);
    expect(scene.isTicking).toBe(false);
  });

  test("never passes text on, nor anything after it", () => {
    const scene = new Scene();
    scene.send(OPCODE.binary, "good");
    scene.send(OPCODE.text, "HTTP/1.1 503 Proxy Error");
    scene.send(OPCODE.binary, "late");
    expect(scene.reader.data.toString()).toBe("good");
    expect(codeOf(scene.reader.error)).toBe("proxy-tcp bad-frames");
  });

  test("takes an end between messages for an end, inside of one for a loss", () => {
    const clean = new Scene();
    clean.send(OPCODE.binary, "all");
    clean.relay.end();
    expect(clean.reader.hasEnded).toBe(true);
    expect(clean.reader.error).toBeUndefined();
    const torn = new Scene();
    torn.relay.write(Buffer.from([0x82, 10, 65, 66]));
    torn.relay.end();
    expect(torn.reader.data.toString()).toBe("AB");
    expect(codeOf(torn.reader.error)).toBe("proxy-tcp truncated");
  });

  test("tells of a broken carrier with the hop and the cause", () => {
    const scene = new Scene();
    const cause = new Error("reset");
    scene.relay.breakOff(cause);
    expect(codeOf(scene.reader.error)).toBe("proxy-tcp relay-lost");
    expect(scene.reader.error?.cause).toBe(cause);
  });

  test("sends what was written before the close frame, then waits for the peer's, but not for ever", () => {
    const scene = new Scene();
    scene.takeFrames();
    scene.stream.write(Buffer.from("bye"));
    scene.stream.end();
    scene.stream.end();
    expect(scene.takeFrames()).toEqual(["binary bye", "close \u0003\u00e8"]);
    expect(scene.stream.write(Buffer.from("late"))).toBe(0);
    scene.send(OPCODE.binary, "answer");
    expect(scene.reader.data.toString()).toBe("answer");
    expect(scene.reader.isClosed).toBe(false);
    scene.ticks(2);
    expect(scene.reader.isClosed).toBe(true);
    expect(scene.reader.error).toBeUndefined();
  });

  test("takes only what the carrier takes, one frame ahead, and goes on when there is room", async () => {
    const scene = new Scene({ capacity: 1000 });
    scene.relay.pause();
    const chunk = new Uint8Array(60_000);
    expect(scene.stream.write(chunk)).toBe(chunk.length);
    expect(scene.stream.write(chunk)).toBe(0);
    scene.send(OPCODE.ping, "one");
    scene.send(OPCODE.ping, "two");
    const drained = scene.reader.write(Buffer.from("next"));
    scene.relay.resume();
    await drained;
    expect(scene.takeFrames()).toEqual(["ping ", "binary 60000 bytes", "pong two", "binary next"]);
  });

  test("keeps apart what waits for several carriers that copy at once", async () => {
    const carriers = ["a", "b", "c"].map((letter) => {
      const [carrier, relay] = streamPair();
      carrier.copiesAtOnce = true;
      relay.capacity = 1000;
      const sent: Buffer[] = [];
      const timers = { now: () => 0, every: () => () => undefined };
      const stream = new WebSocketStream(carrier, { shown: "", timers, proof: "bytes", onProof: () => undefined });
      expect(stream.write(Buffer.alloc(30_000, letter))).toBe(30_000);
      return { letter, relay, sent };
    });
    for (const { letter, relay, sent } of carriers) {
      relay.attach({
        onData: (chunk) => void sent.push(Buffer.from(chunk)),
        onDrain: () => undefined,
        onEnd: () => undefined,
        onClose: () => undefined,
      });
      await eventually(() => expect(Buffer.concat(sent).length).toBe(8 + 30_000));
      const frame = Buffer.concat(sent);
      const plain = frame.subarray(8).map((byte, index) => byte ^ (frame[4 + (index & 3)] ?? 0));
      expect(plain).toEqual(Buffer.alloc(30_000, letter));
    }
  });

  test("cuts large chunks into frames that every relay takes", () => {
    const scene = new Scene({ capacity: 10_000_000 });
    scene.takeFrames();
    expect(scene.stream.write(new Uint8Array(150_000))).toBe(150_000);
    expect(scene.takeFrames()).toEqual(["binary 65536 bytes", "binary 65536 bytes", "binary 18928 bytes"]);
  });

  test("destroy() says goodbye, drops everything and may be called twice", () => {
    const scene = new Scene();
    scene.takeFrames();
    scene.stream.destroy();
    scene.stream.destroy();
    expect(scene.takeFrames()).toEqual(["close \u0003\u00e8"]);
    expect(scene.reader.isClosed).toBe(true);
    expect(scene.isTicking).toBe(false);
    expect(encodeClose(1000)).toHaveLength(8);
  });
});
