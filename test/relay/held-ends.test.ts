import { describe, expect, test } from "bun:test";
import { type HeldEnd, HeldEnds } from "../../src/relay/held-ends.ts";
import { FakeTimer } from "./fake-timer.ts";

function setUp() {
  const timer = new FakeTimer();
  const held = new HeldEnds(timer);
  const released: string[] = [];
  const end = (name: string): HeldEnd => ({ releaseEnd: () => void released.push(name) });
  return { timer, held, released, end };
}

describe("HeldEnds", () => {
  test("hold() waits 60 s in silence for an answer that is owed", () => {
    const { timer, held, released, end } = setUp();
    held.hold(end("a"), false);
    timer.advance(59_999);
    expect(released).toEqual([]);
    timer.advance(1);
    expect(released).toEqual(["a"]);
    expect(timer.waiting).toBe(0);
  });

  test("hold() waits 2 s in silence for more of an answer", () => {
    const { timer, held, released, end } = setUp();
    held.hold(end("slow"), false);
    held.hold(end("fast"), true);
    timer.advance(1999);
    expect(released).toEqual([]);
    timer.advance(1);
    expect(released).toEqual(["fast"]);
    timer.advance(58_000);
    expect(released).toEqual(["fast", "slow"]);
  });

  test("hurry() lets answered ends go as soon as they are silent, and owed answers wait on", () => {
    const { timer, held, released, end } = setUp();
    held.hold(end("owed"), false);
    held.hold(end("answered"), true);
    held.hurry();
    timer.advance(49);
    expect(released).toEqual([]);
    timer.advance(1);
    expect(released).toEqual(["answered"]);
    timer.advance(59_950);
    expect(released).toEqual(["answered", "owed"]);
  });

  test("answered() starts the 2 s anew with every byte", () => {
    const { timer, held, released, end } = setUp();
    const a = end("a");
    held.hold(a, false);
    for (let second = 0; second < 100; second += 1) {
      timer.advance(1000);
      held.answered(a);
    }
    expect(released).toEqual([]);
    timer.advance(2000);
    expect(released).toEqual(["a"]);
    expect(held.size).toBe(0);
  });

  test("hold() keeps 64 answered ends and gives up the longest silent first", () => {
    const { timer, held, released, end } = setUp();
    for (let index = 0; index < 70; index += 1) {
      held.hold(end(`e${index}`), true);
      timer.advance(1);
    }
    expect(released).toEqual(["e0", "e1", "e2", "e3", "e4", "e5"]);
    timer.advance(50);
    held.hold(end("last"), true);
    expect(held.size).toBe(64);
    expect(released).toEqual(["e0", "e1", "e2", "e3", "e4", "e5", "e6"]);
  });

  test("hold() cuts off no answer that flows, and no answer that is owed, to make room", () => {
    const { timer, held, released, end } = setUp();
    const owed = Array.from({ length: 100 }, (_, index) => end(`owed${index}`));
    for (const one of owed) held.hold(one, false);
    const flowing = Array.from({ length: 100 }, (_, index) => end(`flowing${index}`));
    for (const one of flowing) held.hold(one, true);
    for (let turn = 0; turn < 10; turn += 1) {
      timer.advance(10);
      for (const one of flowing) held.answered(one);
    }
    expect(released).toEqual([]);
    expect(held.size).toBe(200);
  });

  test("forget() and close() release nothing", () => {
    const { timer, held, released, end } = setUp();
    const a = end("a");
    held.hold(a, true);
    held.hold(end("b"), false);
    held.forget(a);
    held.close();
    timer.advance(100_000);
    expect(released).toEqual([]);
    expect(timer.waiting).toBe(0);
  });
});
