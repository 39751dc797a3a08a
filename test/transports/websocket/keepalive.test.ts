import { describe, expect, test } from "bun:test";
import { Keepalive, TICK_MS } from "../../../src/transports/websocket/keepalive.ts";

/** `h`: something was heard before the tick; `f`: bytes of the far side were; `-`: nothing; `z`: the computer slept. */
function play(signs: string, silence?: { afterMs: number; limitMs: number }): string[] {
  const keepalive = new Keepalive(0, silence);
  let nowMs = 0;
  return [...signs].map((sign) => {
    nowMs += sign === "z" ? 100 * TICK_MS : TICK_MS;
    return keepalive.tick({ nowMs, heard: sign === "h" || sign === "f", heardFarSide: sign === "f" });
  });
}

describe("Keepalive", () => {
  test.each([
    ["pings every 20 s while the peer answers", "h-h-h-", ["nothing", "ping", "nothing", "ping", "nothing", "ping"]],
    [
      "counts a peer as dead that says nothing for 20 s after a ping",
      "----",
      ["nothing", "ping", "nothing", "peer-dead"],
    ],
    ["takes any bytes as an answer", "--f-f-f", ["nothing", "ping", "nothing", "ping", "nothing", "ping", "nothing"]],
    ["starts anew when the computer slept", "--z--", ["nothing", "ping", "ping", "ping", "peer-dead"]],
  ])("%s", (_name, signs, steps) => {
    expect(play(signs)).toEqual(steps as never);
  });

  test("takes the silence of the far side as its death, though the relay answers", () => {
    const limits = { afterMs: 5 * TICK_MS, limitMs: 3 * TICK_MS };
    expect(play("hhhhh", limits)).toEqual(["nothing", "ping", "nothing", "ping", "far-side-silent"]);
    expect(play("hhhfhhh", limits)).toEqual([
      "nothing",
      "ping",
      "nothing",
      "ping",
      "nothing",
      "ping",
      "far-side-silent",
    ]);
    expect(play("hhhfhhfh", limits)).not.toContain("far-side-silent");
    expect(play("hhhhhhhhhh")).not.toContain("far-side-silent");
  });
});
