import { describe, expect, test } from "bun:test";
import { UiSessions } from "../../src/tunnel/ui/ui-sessions.ts";

describe("UiSessions", () => {
  test("exchanges a token once, and says that it did", () => {
    const sessions = new UiSessions();
    let redeemed = 0;
    const token = sessions.issueToken(() => {
      redeemed += 1;
    });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(sessions.redeem(`${token}x`)).toBeUndefined();
    expect(sessions.redeem("")).toBeUndefined();
    expect(redeemed).toBe(0);
    const session = sessions.redeem(token);
    expect(sessions.isValid(session?.cookie, session?.key)).toBe(true);
    expect(sessions.redeem(token)).toBeUndefined();
    expect(redeemed).toBe(1);
  });

  test("wants both halves of one session", () => {
    const sessions = new UiSessions();
    const one = sessions.redeem(sessions.issueToken());
    const other = sessions.redeem(sessions.issueToken());
    expect(sessions.isValid(one?.cookie, undefined)).toBe(false);
    expect(sessions.isValid(undefined, one?.key)).toBe(false);
    expect(sessions.isValid(one?.key, one?.cookie)).toBe(false);
    expect(sessions.isValid(one?.cookie, other?.key)).toBe(false);
    expect(sessions.isValid(other?.cookie, other?.key)).toBe(true);
    expect(new UiSessions().isValid(one?.cookie, one?.key)).toBe(false);
  });

  test("forgets the oldest links where nobody uses them", () => {
    const sessions = new UiSessions();
    const first = sessions.issueToken();
    const tokens = Array.from({ length: 64 }, () => sessions.issueToken());
    expect(sessions.redeem(first)).toBeUndefined();
    expect(sessions.redeem(tokens[0] ?? "")).toBeDefined();
  });
});
