import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Duplex, PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fromDuplex, toDuplex } from "../../src/streams/node-duplex.ts";
import { StreamReader } from "../support/byte-stream-ends.ts";
import { eventually } from "../support/eventually.ts";
import { streamPair } from "../support/stream-pair.ts";

describe("toDuplex()", () => {
  test("toDuplex() carries bytes and ends both ways", async () => {
    const [one, other] = streamPair();
    const duplex = toDuplex(one);
    const reader = new StreamReader(other);
    duplex.end("question");
    expect((await reader.toEnd()).toString()).toBe("question");
    other.write(Buffer.from("answer"));
    other.end();
    expect((await buffer(duplex)).toString()).toBe("answer");
    await eventually(() => expect(duplex.closed).toBe(true));
  });

  test("toDuplex() waits for room when writing, and loses nothing", async () => {
    const [one, other] = streamPair();
    const duplex = toDuplex(one);
    const reader = new StreamReader(other);
    other.pause();
    const payload = randomBytes(300_000);
    duplex.end(payload);
    await eventually(() => expect(duplex.writableLength).toBeGreaterThan(0));
    expect(reader.bytes).toBe(0);
    other.resume();
    expect((await reader.toEnd()).equals(payload)).toBe(true);
  });

  test("toDuplex() pauses the stream while nobody reads", async () => {
    const [one, other] = streamPair();
    const duplex = toDuplex(one);
    const payload = randomBytes(1_000_000);
    const writing = new StreamReader(other).write(payload).then(() => other.end());
    await eventually(() => expect(one.isPaused).toBe(true));
    expect(duplex.readableLength).toBeLessThan(payload.length);
    expect((await buffer(duplex)).equals(payload)).toBe(true);
    await writing;
  });

  test("toDuplex() reports a break as an error", async () => {
    const [one] = streamPair();
    const duplex = toDuplex(one);
    const failed = once(duplex, "error");
    one.breakOff(new Error("reset"));
    expect(String((await failed)[0])).toContain("reset");
  });

  test("toDuplex() delivers what arrived before a clean close", async () => {
    const [one, other] = streamPair();
    const duplex = toDuplex(one);
    other.write(Buffer.from("last words"));
    other.end();
    duplex.end();
    expect((await buffer(duplex)).toString()).toBe("last words");
  });

  test("destroying the duplex destroys the stream", async () => {
    const [one, other] = streamPair();
    toDuplex(one).destroy();
    expect(other.isClosed).toBe(true);
  });
});

describe("fromDuplex()", () => {
  test("fromDuplex() starts only when attached, and puts bytes back", async () => {
    const through = new PassThrough({ allowHalfOpen: true });
    const stream = fromDuplex(through, { canHalfClose: true });
    through.write("early");
    expect(through.readableFlowing).toBe(false);
    stream.unread(Buffer.from("before "));
    const reader = new StreamReader(stream);
    expect((await reader.atLeast(12)).toString()).toBe("before early");
  });

  test("fromDuplex() takes no more than the duplex holds, and says when there is room", async () => {
    const taken: Buffer[] = [];
    let release: () => void = () => undefined;
    const slow = new Duplex({
      highWaterMark: 1000,
      read() {},
      write(chunk: Buffer, _encoding, done) {
        taken.push(chunk);
        release = done;
      },
    });
    const stream = fromDuplex(slow, { canHalfClose: true });
    const payload = randomBytes(3_000_000);
    const writing = new StreamReader(stream).write(payload);
    await eventually(() => expect(taken.length).toBe(1));
    expect(slow.writableLength).toBeLessThan(600_000);
    while (taken.reduce((sum, chunk) => sum + chunk.length, 0) < payload.length) {
      release();
      await Promise.resolve();
    }
    release();
    await writing;
    expect(Buffer.concat(taken).equals(payload)).toBe(true);
  });

  test("fromDuplex() pauses the duplex while the sink is paused", async () => {
    const through = new PassThrough();
    const stream = fromDuplex(through, { canHalfClose: true });
    const reader = new StreamReader(stream);
    stream.pause();
    const payload = randomBytes(1_000_000);
    through.end(payload);
    await eventually(() => expect(through.isPaused()).toBe(true));
    expect(reader.bytes).toBe(0);
    stream.resume();
    expect((await reader.toEnd()).equals(payload)).toBe(true);
  });

  test("fromDuplex() reports an error once, with the close, after the bytes before it", async () => {
    const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const stream = fromDuplex(duplex, { canHalfClose: false });
    const reader = new StreamReader(stream);
    duplex.push("before");
    await reader.atLeast(6);
    duplex.destroy(new Error("broken"));
    expect((await reader.toClose())?.message).toBe("broken");
    expect(reader.hasEnded).toBe(false);
    expect(stream.write(Buffer.from("x"))).toBe(0);
    stream.end();
    stream.destroy();
  });
});
