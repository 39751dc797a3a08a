import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FrameError, FrameReader, type FrameSink, OPCODE } from "../../../src/transports/websocket/frames.ts";

/** Notes what a reader finds. */
class Notes implements FrameSink {
  readonly events: string[] = [];
  readonly #bytes: Uint8Array[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#bytes);
  }
  onBytes(bytes: Uint8Array): void {
    this.#bytes.push(Uint8Array.from(bytes));
  }
  onPing(payload: Uint8Array): void {
    this.events.push(`ping ${Buffer.from(payload)} after ${this.bytes.length}`);
  }
  onPong(): void {
    this.events.push("pong");
  }
  onCloseFrame(code: number, reason: string): void {
    this.events.push(`close ${code} ${reason} after ${this.bytes.length}`);
  }
}

/** A frame as a server sends it. */
function serverFrame(opcode: number, payload: Uint8Array, isFinal = true): Buffer {
  const head = [opcode | (isFinal ? 0x80 : 0)];
  if (payload.length < 126) head.push(payload.length);
  else if (payload.length < 65536) head.push(126, payload.length >> 8, payload.length & 255);
  else head.push(127, 0, 0, 0, 0, ...Buffer.from(Uint32Array.of(payload.length).buffer).reverse());
  return Buffer.concat([Buffer.from(head), payload]);
}

function readAll(bytes: Uint8Array, cuts: readonly number[] = []): Notes {
  const notes = new Notes();
  const reader = new FrameReader(notes);
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= start) continue;
    reader.read(Uint8Array.from(bytes.subarray(start, cut)));
    start = cut;
  }
  return notes;
}

describe("FrameReader", () => {
  test("joins frames of any length, wherever the bytes are cut", () => {
    const lengths = fc.array(fc.constantFrom(0, 1, 5, 125, 126, 127, 1000, 65535, 65536, 70000), { maxLength: 5 });
    fc.assert(
      fc.property(lengths, fc.array(fc.nat(200_000), { maxLength: 30 }), fc.nat(255), (sizes, cuts, seed) => {
        const payloads = sizes.map((size, index) => Buffer.alloc(size, (seed + index) & 255));
        const wire = Buffer.concat(payloads.map((payload) => serverFrame(OPCODE.binary, payload)));
        const notes = readAll(
          wire,
          [...cuts].sort((one, other) => one - other),
        );
        expect(notes.bytes.equals(Buffer.concat(payloads))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("reads bytes that come one by one, control frames between fragments included", () => {
    const wire = Buffer.concat([
      serverFrame(OPCODE.binary, Buffer.from("ab"), false),
      serverFrame(OPCODE.ping, Buffer.from("hi")),
      serverFrame(OPCODE.continuation, Buffer.from("cd")),
      serverFrame(OPCODE.pong, Buffer.from("")),
      serverFrame(OPCODE.close, Buffer.from([0x03, 0xf5, ...Buffer.from("try later")])),
      Buffer.from("what follows does not count"),
    ]);
    const notes = readAll(
      wire,
      Array.from({ length: wire.length }, (_, index) => index),
    );
    expect(notes.bytes.toString()).toBe("abcd");
    expect(notes.events).toEqual(["ping hi after 2", "pong", "close 1013 try later after 4"]);
  });

  test("tells a close frame only after the bytes before it, in one chunk too", () => {
    const wire = Buffer.concat([
      serverFrame(OPCODE.binary, Buffer.from("one")),
      serverFrame(OPCODE.binary, Buffer.from("two")),
      serverFrame(OPCODE.close, Buffer.from("")),
    ]);
    const notes = readAll(wire);
    expect(notes.bytes.toString()).toBe("onetwo");
    expect(notes.events).toEqual(["close 1005  after 6"]);
  });

  test.each([
    ["reserved bits", Buffer.from([0xc2, 0]), "reserved bits"],
    ["a mask", Buffer.from([0x82, 0x80]), "masked"],
    ["text", Buffer.from([0x81, 1, 65]), "text came"],
    ["an unknown data opcode", Buffer.from([0x83, 0]), "opcode 3"],
    ["an unknown control opcode", Buffer.from([0x8b, 0]), "opcode 11"],
    ["a fragmented ping", Buffer.from([0x09, 0]), "control frame"],
    ["a long ping", Buffer.from([0x89, 126, 0, 200]), "control frame"],
    ["a continuation of nothing", Buffer.from([0x80, 0]), "out of order"],
    ["a message within a message", Buffer.from([0x02, 0, 0x82, 0]), "out of order"],
    ["an absurd length", Buffer.from([0x82, 127, 255, 255, 255, 255, 0, 0, 0, 0]), "longer than any"],
  ])("refuses %s", (_name, wire, message) => {
    expect(() => readAll(wire)).toThrow(FrameError);
    expect(() => readAll(wire)).toThrow(message);
  });

  test("knows whether it is inside of a frame or message", () => {
    const reader = new FrameReader(new Notes());
    expect(reader.isInsideFrame).toBe(false);
    for (const byte of [0x02, 2, 65]) {
      reader.read(Uint8Array.of(byte));
      expect(reader.isInsideFrame).toBe(true);
    }
    reader.read(Uint8Array.of(65));
    expect(reader.isInsideFrame).toBe(true);
    reader.read(Uint8Array.of(0x80, 0));
    expect(reader.isInsideFrame).toBe(false);
  });
});
