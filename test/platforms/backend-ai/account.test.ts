import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/domain/secret.ts";
import { accountKeys, login, logout } from "../../../src/platforms/backend-ai/account.ts";
import { encodeWebSession } from "../../../src/platforms/backend-ai/web-session.ts";
import { generateSessionKeys } from "../../../src/sandbox/backend-ai/session-keys.ts";
import { makeContext } from "../platform-context.ts";
import { failureOf, World } from "./fixture.ts";

const signal = new AbortController().signal;

describe("login() and logout()", () => {
  test("give a login that resolve() takes from the settings, and end it", async () => {
    await using world = await World.start();
    const { BACKEND_USER = "", BACKEND_PASSWORD = "", ...web } = world.sandbox.webEnvironment;
    const context = makeContext({ environment: web, now: Date.now() });
    world.sandbox.logins.otp = "424242";
    const credentials = { user: BACKEND_USER, password: new Secret(BACKEND_PASSWORD) };
    expect((await failureOf(login(credentials, context, signal))).code).toBe("otp-required");
    const session = await login({ ...credentials, otp: "424242" }, context, signal);
    expect(session).toMatchObject({ endpoint: world.sandbox.webUrl, user: BACKEND_USER });
    expect(session.expiresAt).toBeGreaterThan(Date.now());

    const wishes = { environment: web, settings: { "backend-ai.session": encodeWebSession(session).reveal() } };
    const run = await world.resolve("demo", {}, wishes);
    const headers = await run.route.via?.headers?.({ method: "GET", target: "/", host: "h" });
    expect(headers).toMatchObject({ "X-BackendAI-SessionID": session.sessionId.reveal() });
    expect(headers?.["Authorization"]).toBeUndefined();

    await logout(session, context, signal);
    await logout(session, context, signal);
    expect(await failureOf(world.resolve("demo", {}, wishes))).toMatchObject({
      code: "login-expired",
      hop: "api-login",
    });
  });
});

describe("accountKeys()", () => {
  test("shows, renews and replaces the key that sessions get", async () => {
    await using world = await World.start();
    const keys = accountKeys(makeContext({ environment: world.sandbox.environment, now: Date.now() }), signal);
    const before = await keys.findPublicKey();
    expect(before).toBe(await world.sandbox.authorizedKey());
    const renewed = await keys.regenerate();
    expect(renewed.publicKey).not.toBe(before ?? "");
    expect((await world.resolve("demo")).ssh?.ready?.privateKey?.reveal()).toBe(renewed.privateKey.reveal());
    const own = await generateSessionKeys();
    await keys.upload({ publicKey: own.publicKey, privateKey: new Secret(own.privateKey) });
    expect(await keys.findPublicKey()).toBe(own.publicKey);
    const other = await failureOf(keys.upload({ publicKey: before ?? "", privateKey: new Secret(own.privateKey) }));
    expect(other.message).toContain("do not belong together");
    expect(other.message).not.toContain("PRIVATE KEY");
  });
});
