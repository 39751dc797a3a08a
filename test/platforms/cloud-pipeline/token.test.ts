import { describe, expect, test } from "bun:test";
import { AuthError } from "../../../src/domain/errors.ts";
import { Secret } from "../../../src/domain/secret.ts";
import { accountName, checkToken, decodeToken, maskToken } from "../../../src/platforms/cloud-pipeline/token.ts";
import { NOW } from "../platform-context.ts";
import { goodToken, makeToken } from "./tokens.ts";

const SECONDS = NOW / 1000;

describe("decodeToken()", () => {
  test("reads user, expiry and begin", () => {
    const facts = decodeToken(makeToken({ sub: "USER@corp.example", exp: SECONDS + 60, nbf: SECONDS }));
    expect(facts).toEqual({ user: "USER@corp.example", expiresAtMs: NOW + 60_000, notBeforeMs: NOW });
  });

  test.each([
    [{}],
    [{ sub: 5, exp: "tomorrow", nbf: null }],
    [{ sub: "", exp: 1e300 }],
    [{ exp: Number.MAX_SAFE_INTEGER }],
  ])("leaves out what it cannot use of %p", (claims) => {
    expect(decodeToken(makeToken(claims))).toEqual({});
  });

  test.each(["", "a.b", "a.b.c.d", "a.!!!.c", "a.bnVsbA.c", "a.W10.c", "opaque"])("takes %p for no JWT", (text) => {
    expect(decodeToken(new Secret(text))).toBeUndefined();
  });
});

describe("checkToken()", () => {
  test.each([
    [{ sub: "U", exp: SECONDS + 8 * 86_400 }, []],
    [{ sub: "U" }, []],
    [{ exp: SECONDS + 2 * 86_400 + 3600 }, ["The access token expires in 2d 1h (2024-10-26 11:00 UTC)"]],
    [{ nbf: SECONDS + 60 }, ["The access token from FILE is not valid before 2024-10-24 10:01 UTC: check this clock"]],
  ])("has for %p the notes %p", (claims, notes) => {
    expect(checkToken(makeToken(claims), "FILE", NOW)).toEqual(notes);
  });

  test.each([SECONDS, SECONDS - 1, 0])("refuses a token that ended at %p", (exp) => {
    const check = () => checkToken(makeToken({ sub: "U", exp }), "FILE", NOW);
    expect(check).toThrow(AuthError);
    expect(check).toThrow("The access token from FILE expired on");
  });

  test.each(["a b", "line\nbreak", "t\u00f6ken", ""])("refuses %p, which no header can carry", (text) => {
    expect(() => checkToken(new Secret(text), "FILE", NOW)).toThrow(AuthError);
  });

  test("uses a token it cannot read, and says so", () => {
    expect(checkToken(new Secret("opaque"), "FILE", NOW)).toHaveLength(1);
  });
});

test("maskToken() tells whose and until when, and nothing that could be used", () => {
  const token = goodToken();
  expect(maskToken(token)).toBe("eyJ...(jwt of USER@corp.example, expires 2025-10-24 10:00 UTC)");
  expect(maskToken(makeToken({}))).toBe("eyJ...(jwt no user, without expiry)");
  expect(maskToken(new Secret("opaque"))).toBe("set (not a JWT)");
});

test.each([
  ["USER@corp.example", "USER"],
  ["a@b@c", "a"],
  ["plain", "plain"],
])("accountName() of %p is %p", (name, expected) => {
  expect(accountName(name)).toBe(expected);
});
