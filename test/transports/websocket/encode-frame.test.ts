import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import {
  encodeClose,
  encodeFrame,
  encodePassingFrame,
  MAX_FRAME_PAYLOAD_BYTES,
} from "../../../src/transports/websocket/encode-frame.ts";
import { OPCODE } from "../../../src/transports/websocket/frames.ts";

describe("encodeFrame()", () => {
  test("masks any payload at any alignment so that it can be read back", () => {
    const sizes = fc.oneof(fc.nat(300), fc.constantFrom(125, 126, 127, 65534, 65535, 65536, 65537));
    fc.assert(
      fc.property(sizes, fc.nat(7), (size, shift) => {
        const buffer = new Uint8Array(size + shift).map((_, index) => index * 7);
        const payload = buffer.subarray(shift);
        expect(Buffer.compare(unmask(encodeFrame(OPCODE.binary, payload)), payload)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test("takes a new mask for each frame", () => {
    const keys = Array.from({ length: 100 }, () =>
      Buffer.from(encodeFrame(OPCODE.binary, Uint8Array.of(1)).subarray(2, 6)).toString("hex"),
    );
    expect(new Set(keys).size).toBeGreaterThan(95);
  });

  test("takes memory of its own for each frame", () => {
    const first = encodeFrame(OPCODE.binary, Buffer.from("first"));
    encodeFrame(OPCODE.binary, Buffer.from("other"));
    expect(unmask(first).toString()).toBe("first");
  });
});

describe("encodePassingFrame()", () => {
  test("frames payloads of all sizes one after the other in the same memory", () => {
    const sizes = [MAX_FRAME_PAYLOAD_BYTES, 3, 0, 125, 126, 65535, 1000, MAX_FRAME_PAYLOAD_BYTES];
    const frames = sizes.map((size) => {
      const payload = randomBytes(size);
      const frame = encodePassingFrame(OPCODE.binary, payload);
      expect(Buffer.compare(unmask(frame), payload)).toBe(0);
      return frame;
    });
    expect(new Set(frames.map((frame) => frame.buffer)).size).toBe(1);
  });
});

describe("encodeClose()", () => {
  test("carries the code", () => {
    expect(unmask(encodeClose(1001))).toEqual(Buffer.from([3, 233]));
  });
});

/** Payload of a masked frame, byte by byte as the standard says it. */
function unmask(frame: Uint8Array): Buffer {
  const bytes = Buffer.from(frame);
  expect(bytes.readUInt8(0) & 0x80).toBe(0x80);
  expect(bytes.readUInt8(1) & 0x80).toBe(0x80);
  const short = bytes.readUInt8(1) & 0x7f;
  const headBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  const key = bytes.subarray(headBytes, headBytes + 4);
  const payload = bytes.subarray(headBytes + 4);
  expect(payload.length).toBe(length);
  return Buffer.from(payload.map((byte, index) => byte ^ (key[index & 3] ?? 0)));
}
