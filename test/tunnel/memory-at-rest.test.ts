import { describe, expect, test } from "bun:test";
import { MemoryAtRest } from "../../src/tunnel/memory-at-rest.ts";
import { FakeTimer } from "../relay/fake-timer.ts";

/** A relay's traffic, time in hand, and how often memory was given back. */
class Scene {
  readonly timer = new FakeTimer();
  lastByteAt: number | undefined;
  releases = 0;
  readonly rest = new MemoryAtRest(
    this.timer,
    () => ({ lastByteAt: this.lastByteAt }),
    () => {
      this.releases += 1;
    },
  );
}

describe("MemoryAtRest", () => {
  test("gives memory back once, three seconds after the last connection has closed", () => {
    const scene = new Scene();
    for (let index = 0; index < 5; index += 1) {
      scene.rest.connectionClosed();
      scene.timer.advance(1000);
    }
    expect(scene.releases).toBe(0);
    scene.timer.advance(1999);
    expect(scene.releases).toBe(0);
    scene.timer.advance(1);
    expect(scene.releases).toBe(1);
    scene.timer.advance(60_000);
    expect(scene.releases).toBe(1);
  });

  test("waits for bytes that still flow on other connections", () => {
    const scene = new Scene();
    scene.rest.connectionClosed();
    for (let index = 0; index < 20; index += 1) {
      scene.timer.advance(1000);
      scene.lastByteAt = scene.timer.now();
    }
    expect(scene.releases).toBe(0);
    scene.timer.advance(6000);
    expect(scene.releases).toBe(1);
  });

  test("sets one timer for any number of connections, and none after close()", () => {
    const scene = new Scene();
    for (let index = 0; index < 100; index += 1) scene.rest.connectionClosed();
    scene.rest.close();
    scene.rest.close();
    scene.timer.advance(60_000);
    expect(scene.releases).toBe(0);
  });
});
