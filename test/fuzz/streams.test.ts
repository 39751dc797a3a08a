// What peers send in their own time: cut anywhere it means the same, never takes more room than its bound, never hangs.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { ReplyHeadReader } from "../../src/transports/http-connect/reply-head.ts";
import { encodeFrame } from "../../src/transports/websocket/encode-frame.ts";
import { FrameError, FrameReader, OPCODE } from "../../src/transports/websocket/frames.ts";
import { HeadReader } from "../../src/transports/websocket/response-head.ts";
import { LineReader } from "../../src/tunnel/control/control-lines.ts";
import { MAX_CONTROL_LINE_BYTES } from "../../src/tunnel/control/control-protocol.ts";

setDefaultTimeout(60_000);

const RUNS = { numRuns: 300 };
const BOUND = 16 * 1024;

/** Bytes, and where to cut them. */
const cuts = fc.array(fc.nat(3000), { maxLength: 12 });

function pieces(bytes: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const points = [...new Set([0, ...at.filter((point) => point < bytes.length), bytes.length])].sort((a, b) => a - b);
  return points.slice(1).map((end, index) => Uint8Array.from(bytes.subarray(points[index] ?? 0, end)));
}

const heads = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .tuple(
      fc.constantFrom("HTTP/1.1 200 OK", "HTTP/1.0 407 x", "HTTP/1.1 101 Switching", "HTTP/1.1 abc", "HTP/1.1 200"),
      fc.array(fc.constantFrom("a: b", "Content-Length: 5", ": x", "x", "\tfold", "A:\u0000\u001b[31m"), {
        maxLength: 5,
      }),
      fc.constantFrom("\r\n", "\n"),
      fc.string({ maxLength: 30 }),
    )
    .map(([status, lines, end, rest]) => Buffer.from([status, ...lines, "", rest].join(end), "latin1")),
);

type Head = { readonly status: number; readonly headers: Iterable<unknown>; readonly rest: Uint8Array };
/** What one more chunk led to: nothing yet, a head, or a refusal. */
type Step = { readonly head?: Head; readonly refusal?: string };

describe("the head of an answer", () => {
  /** All that came of the chunks: the head or what is wrong with it, and the bytes behind it. */
  const readAll = (chunks: readonly Uint8Array[], step: (chunk: Uint8Array) => Step): unknown => {
    const rest: Uint8Array[] = [];
    let outcome: unknown;
    for (const chunk of chunks) {
      if (outcome !== undefined) {
        rest.push(chunk);
        continue;
      }
      const { head, refusal } = step(chunk);
      if (head !== undefined) {
        outcome = { status: head.status, headers: [...head.headers] };
        rest.push(head.rest);
      } else outcome = refusal;
    }
    return { outcome, rest: typeof outcome === "string" ? "" : Buffer.concat(rest).toString("hex") };
  };
  const readReply = (chunks: readonly Uint8Array[]): unknown => {
    const reader = new ReplyHeadReader();
    return readAll(chunks, (chunk) => {
      const progress = reader.add(chunk);
      if (progress.kind === "head") return { head: progress.head };
      return progress.kind === "incomplete" ? {} : { refusal: progress.kind };
    });
  };
  const readUpgrade = (chunks: readonly Uint8Array[]): unknown => {
    const reader = new HeadReader();
    return readAll(chunks, (chunk) => {
      const progress = reader.read(chunk);
      if (progress.kind === "head") return { head: { ...progress.head, rest: progress.rest } };
      return progress.kind === "more" ? {} : { refusal: progress.kind };
    });
  };

  test.each([
    ["of a CONNECT proxy", readReply],
    ["of a WebSocket relay", readUpgrade],
  ])("%s means the same however it is cut", (_what, read) => {
    fc.assert(
      fc.property(heads, cuts, (bytes, at) => {
        const whole = read(bytes.length === 0 ? [] : [Uint8Array.from(bytes)]);
        expect(read(pieces(bytes, at))).toEqual(whole);
      }),
      RUNS,
    );
  });

  test("without an end is refused after its bound", () => {
    const filler = Buffer.from(`HTTP/1.1 200 OK\r\nX: ${"y".repeat(1000)}\r\n`);
    for (const add of [
      (
        (reader) => (chunk: Uint8Array) =>
          reader.add(chunk).kind
      )(new ReplyHeadReader()),
      (
        (reader) => (chunk: Uint8Array) =>
          reader.read(chunk).kind
      )(new HeadReader()),
    ]) {
      let sent = 0;
      let kind = "";
      while (kind !== "too-long" && sent < 10 * BOUND) {
        kind = add(Uint8Array.from(filler));
        sent += filler.length;
      }
      expect(kind).toBe("too-long");
      expect(sent).toBeLessThanOrEqual(BOUND + 2 * filler.length);
    }
  });
});

describe("WebSocket frames", () => {
  const read = (chunks: readonly Uint8Array[]): { data: string; events: readonly string[] } => {
    const data: Uint8Array[] = [];
    const events: string[] = [];
    const reader = new FrameReader({
      onBytes: (bytes) => data.push(Uint8Array.from(bytes)),
      onPing: (payload) => events.push(`ping ${Buffer.from(payload).toString("hex")}`),
      onPong: () => events.push("pong"),
      onCloseFrame: (code) => events.push(`close ${code}`),
    });
    try {
      for (const chunk of chunks) reader.read(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      events.push(`error ${error.message}`);
    }
    return { data: Buffer.concat(data).toString("hex"), events };
  };
  const frame = fc
    .tuple(
      fc.constantFrom(OPCODE.binary, OPCODE.ping, OPCODE.pong, OPCODE.close, OPCODE.text, 3, 11),
      fc.uint8Array({ maxLength: 300 }),
    )
    .map(([opcode, payload]) => {
      const bytes = Uint8Array.from(encodeFrame(opcode, payload));
      // From a server frames come bare: the mask is taken off again.
      const size = payload.length < 126 ? 2 : 4;
      const bare = new Uint8Array(size + payload.length);
      bare.set(bytes.subarray(0, size));
      bare[1] = (bare[1] ?? 0) & 0x7f;
      bare.set(payload, size);
      return bare;
    });
  const streams = fc.oneof(
    fc.uint8Array({ maxLength: 500 }),
    fc.array(frame, { maxLength: 6 }).map((frames) => Buffer.concat(frames)),
  );

  test("mean the same however they are cut", () => {
    fc.assert(
      fc.property(streams, cuts, (bytes, at) => {
        const whole = read(bytes.length === 0 ? [] : [Uint8Array.from(bytes)]);
        expect(read(pieces(bytes, at))).toEqual(whole);
      }),
      RUNS,
    );
  });

  test("of impossible length are refused by their head alone", () => {
    const huge = Uint8Array.of(0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    const control = Uint8Array.of(0x89, 126, 0xff, 0xff);
    for (const bytes of [huge, control]) expect(read([bytes]).events.join()).toStartWith("error");
  });
});

test("LineReader gives the same lines however they are cut, and gives up on one without end", () => {
  const read = (chunks: readonly Uint8Array[]): readonly string[] => {
    const lines: string[] = [];
    const reader = new LineReader(
      (line) => lines.push(line),
      () => lines.push("overflow"),
    );
    for (const chunk of chunks) reader.push(chunk);
    return lines;
  };
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "\n", "ü", "{", "\u0000"), maxLength: 300 }),
      cuts,
      (text, at) => {
        const bytes = Buffer.from(text);
        expect(read(pieces(bytes, at))).toEqual(read([bytes]));
      },
    ),
    RUNS,
  );
  expect(read(Array.from({ length: 18 }, () => Buffer.alloc(MAX_CONTROL_LINE_BYTES / 16, 97)))).toContain("overflow");
});
