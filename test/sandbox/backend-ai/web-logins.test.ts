import { describe, expect, test } from "bun:test";
import { findRelease } from "../../../src/sandbox/backend-ai/releases.ts";
import { WebLogins } from "../../../src/sandbox/backend-ai/web-logins.ts";

function logins(otp?: string, release = "26.8.1"): WebLogins {
  const found = findRelease(release);
  if (found === undefined) throw new Error("no such release");
  return new WebLogins({ user: "user@example.com", password: "pw", accessKey: "AKIA", otp }, () => found);
}

const PLAIN = JSON.stringify({ username: "user@example.com", password: "pw" });

function answerOf(made: WebLogins, body: string, headers = {}) {
  const answer = made.answer("/server/login", headers, body, "http");
  return { ...answer, json: JSON.parse(String(answer.body)) };
}

describe("WebLogins", () => {
  test("takes the published encrypted body", () => {
    const body = "ABCDEFGHIJKLMNOP:dnJCbn8NDl2LESpwE3EnO8iQ6KseD33y7Jx0Lq58mfd5h4zz7VmlbEoLqsFkvsMl";
    const headers = { "x-backendai-encoded": "true", host: "10.0.0.5:8090" };
    expect(answerOf(logins(), body, headers).json).toMatchObject({ authenticated: true });
    expect(answerOf(logins(), body, { ...headers, host: "10.0.0.6:8090" }).status).toBe(400);
  });

  test("knows a login by cookie or header, until it expires or is ended", () => {
    const made = logins();
    const { headers } = answerOf(made, PLAIN);
    const id = headers["X-BackendAI-SessionID"] ?? "";
    expect(headers["Set-Cookie"]).toStartWith(`AIOHTTP_SESSION=${id}; HttpOnly`);
    expect(made.findAccessKey({ "x-backendai-sessionid": id })).toBe("AKIA");
    expect(made.findAccessKey({ cookie: `a=b; AIOHTTP_SESSION=${id}` })).toBe("AKIA");
    expect(made.findAccessKey({ cookie: `AIOHTTP_SESSION=${id}`, "x-backendai-sessionid": "other" })).toBeUndefined();
    expect(answerOf(made, PLAIN, { "x-backendai-sessionid": id }).status).toBe(400);
    made.expireAll();
    expect(made.findAccessKey({ "x-backendai-sessionid": id })).toBeUndefined();
  });

  test.each([
    ["26.8.1", 401],
    ["24.09.14", 200],
  ])("refuses a wrong password and asks for the second factor, in release %s with status %d", (release, status) => {
    const wrong = answerOf(logins(undefined, release), PLAIN.replace("pw", "wrong"));
    expect(wrong).toMatchObject({ status, json: { authenticated: false } });
    const otp = answerOf(logins("123", release), PLAIN);
    expect(otp).toMatchObject({ status, json: { data: { details: "OTP not provided" } } });
    expect(answerOf(logins("123", release), PLAIN.replace("}", ',"otp":"123"}')).json.authenticated).toBe(true);
  });
});
