// EDGE's access check, step by step.
import { expect, test } from "bun:test";
import { authorizeConnect } from "../../../src/sandbox/cloud-pipeline/edge-authorization.ts";
import { type ApiWorld, answerRequest } from "../../../src/sandbox/cloud-pipeline/rest-api.ts";
import { ADMIN, FRIEND, RunBook, USER } from "../../../src/sandbox/cloud-pipeline/runs.ts";
import { TokenMint } from "../../../src/sandbox/cloud-pipeline/tokens.ts";

const mint = await TokenMint.create(Date.now);
const token = mint.issue(USER, 3_600_000);
const world: ApiWorld = { runs: new RunBook(), mint, preferences: new Map(), edgeUrl: () => undefined };
const context = {
  mint,
  whitelist: ["127.0.0.1"],
  askApi: (request: Parameters<typeof answerRequest>[1]) => answerRequest(world, request),
};

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString("base64")}`;
}

test.each([
  ["an own run", basic(`USER:${token}`), "10.244.1.2", "allow"],
  ["any user name", basic(`whoever:${token}`), "10.244.1.2", "allow"],
  ["blanks in the token", basic(`USER: ${token}\n`), "10.244.1.2", "allow"],
  ["a run shared for SSH", basic(`USER:${token}`), "10.244.1.18", "allow"],
  ["a whitelisted host", basic(`USER:${token}`), "127.0.0.1", "allow"],
  ["another's run for an administrator", basic(`A:${mint.issue(ADMIN, 1e6)}`), "10.244.1.16", "allow"],
  ["missing padding", basic(`USER:${token}`).replace(/=+$/, ""), "10.244.1.2", "allow"],
  ["no header", undefined, "10.244.1.2", 407],
  ["another scheme", `Bearer ${token}`, "10.244.1.2", 407],
  ["no base64", "Basic ****", "10.244.1.2", 407],
  ["an empty user name", basic(`:${token}`), "10.244.1.2", 407],
  ["no colon", basic("USER"), "10.244.1.2", 500],
  ["a bad token", basic("USER:a.b.c"), "10.244.1.2", 401],
  ["an expired token", basic(`USER:${mint.issue(USER, -1000)}`), "10.244.1.2", 401],
  ["a run shared without SSH", basic(`USER:${token}`), "10.244.1.12", 401],
  ["another's run", basic(`USER:${token}`), "10.244.1.16", 401],
  ["a paused run", basic(`USER:${token}`), "10.244.1.5", 401],
  ["an unknown host", basic(`USER:${token}`), "10.9.9.9", 401],
  // Nobody shares anything with this user, and the script stumbles over the missing list.
  ["an unknown host without services", basic(`F:${mint.issue(FRIEND, 1e6)}`), "10.9.9.9", 500],
] as const)("authorizeConnect() decides about %s", (_what, header, host, verdict) => {
  expect(authorizeConnect(header, host, context)).toBe(verdict);
});

test("authorizeConnect() refuses when the API cannot be reached", () => {
  expect(authorizeConnect(basic(`USER:${token}`), "10.244.1.2", { ...context, askApi: () => undefined })).toBe(401);
});
