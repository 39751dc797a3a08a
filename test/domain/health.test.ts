import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  afterEnd,
  afterFailure,
  afterSuccess,
  type Health,
  initialHealth,
  UNHEALTHY_AFTER,
} from "../../src/domain/health.ts";
import { isLogged, LOG_LEVELS } from "../../src/domain/log.ts";
import { isProcessIdentity, isSameProcess } from "../../src/domain/process-identity.ts";
import { describeRoute } from "../../src/domain/route.ts";
import { Secret } from "../../src/domain/secret.ts";

/** `+` a success, `-` a failure, `x` the end; one a second. */
function play(events: string): Health {
  let health = initialHealth(0);
  for (const [index, event] of [...events].entries()) {
    const now = (index + 1) * 1000;
    const failure = { code: "down", message: "down", at: now };
    if (event === "+") health = afterSuccess(health, now, 5);
    else health = event === "-" ? afterFailure(health, failure) : afterEnd(health, failure);
  }
  return health;
}

describe("health", () => {
  test.each([
    ["", "starting", 0],
    ["+", "healthy", 1000],
    ["++++", "healthy", 1000],
    ["-", "degraded", 1000],
    ["--", "degraded", 1000],
    ["---", "unhealthy", 3000],
    ["-----", "unhealthy", 3000],
    ["+-", "degraded", 2000],
    ["+---", "unhealthy", 4000],
    ["+--+", "healthy", 4000],
    ["+--+--", "degraded", 5000],
    ["---+", "degraded", 4000],
    ["---++", "healthy", 5000],
    ["---+-", "degraded", 4000],
    ["---+-+", "healthy", 6000],
    ["---+---", "unhealthy", 7000],
    ["x", "ended", 1000],
    ["+x", "ended", 2000],
    ["x+", "ended", 1000],
    ["x---", "ended", 1000],
  ] as const)("after '%s' is %s since %d", (events, state, since) => {
    expect(play(events)).toMatchObject({ state, since });
  });

  test("keeps the last failure, the last success and the round trip", () => {
    expect(play("+-")).toMatchObject({
      lastSuccessAt: 1000,
      roundTripMs: 5,
      lastFailure: { at: 2000 },
      failuresInRow: 1,
    });
    expect(play("-+")).toMatchObject({ lastSuccessAt: 2000, lastFailure: { at: 1000 }, failuresInRow: 0 });
    expect(afterSuccess(play("+"), 9000, undefined)).toMatchObject({ lastSuccessAt: 9000, roundTripMs: 5 });
  });

  test("is healthy after the first success of all, and after two in a row where it was unhealthy", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("+", "-"), { minLength: 1 }), (events) => {
        const text = events.join("");
        const health = play(text);
        const failures = events.length - 1 - events.lastIndexOf("+");
        expect(health.failuresInRow).toBe(failures);
        const [, sinceUnhealthy = text] = /---([\s\S]*?)$/.exec(text.replace(/^[\s\S]*---/, "---")) ?? [];
        const wasUnhealthy = text.includes("---");
        if (failures >= UNHEALTHY_AFTER) expect(health.state).toBe("unhealthy");
        else if (failures > 0 || (wasUnhealthy && !sinceUnhealthy.includes("+"))) expect(health.state).toBe("degraded");
        else if (!wasUnhealthy || text.endsWith("++")) expect(health.state).toBe("healthy");
        expect(play(`${text}x+-`).state).toBe("ended");
      }),
    );
  });

  test("stays degraded where only the port refuses, however often", () => {
    const refused = { code: "remote-port-refused", hop: "remote-port", message: "no", at: 1 } as const;
    let health = initialHealth(0);
    for (let turn = 0; turn < 10; turn += 1) health = afterFailure(health, refused);
    expect(health).toMatchObject({ state: "degraded", failuresInRow: 10 });
    expect(afterSuccess(health, 2, 1).state).toBe("healthy");
  });

  test("counts as unhealthy after as many failures as asked for", () => {
    const failure = { code: "down", message: "down", at: 1 };
    expect(afterFailure(initialHealth(0), failure, 1).state).toBe("unhealthy");
    expect(afterFailure(afterFailure(initialHealth(0), failure, 3), failure, 3).state).toBe("degraded");
  });
});

test("isLogged() lets a level through at its own and lower thresholds", () => {
  const order = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;
  expect(LOG_LEVELS).toEqual(order);
  for (const [weight, level] of order.entries()) {
    for (const [least, threshold] of order.entries()) expect(isLogged(level, threshold)).toBe(weight >= least);
  }
});

describe("a process's identity", () => {
  const one = { pid: 5, startedAt: "100", bootId: "b" };

  test("is the same only when number, start and boot are", () => {
    expect(isSameProcess(one, { ...one })).toBe(true);
    for (const change of [{ pid: 6 }, { startedAt: "101" }, { bootId: "c" }]) {
      expect(isSameProcess(one, { ...one, ...change })).toBe(false);
    }
  });

  test.each([
    [one, true],
    [{ ...one, more: 1 }, true],
    [{ ...one, pid: 0 }, false],
    [{ ...one, pid: -1 }, false],
    [{ ...one, pid: 1.5 }, false],
    [{ ...one, pid: "5" }, false],
    [{ ...one, startedAt: 100 }, false],
    [{ pid: 5, startedAt: "100" }, false],
    [null, false],
    ["5", false],
  ])("isProcessIdentity(%j) is %p", (value, is) => {
    expect(isProcessIdentity(value)).toBe(is);
  });
});

test("describeRoute() says how a run is reached, and no secret", () => {
  expect(describeRoute({ transport: "direct", host: "10.0.0.1" })).toBe("10.0.0.1, direct");
  const via = {
    url: "ssh://ada@jump:22",
    login: { user: "ada", password: new Secret("hunter2") },
    headers: () => ({ Authorization: "hunter2" }),
  };
  expect(describeRoute({ transport: "ssh-jump", host: "10.0.0.1", via })).toBe(
    "10.0.0.1, ssh-jump via ssh://ada@jump:22",
  );
});
