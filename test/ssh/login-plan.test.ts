import { describe, expect, test } from "bun:test";
import type { SshLogin } from "../../src/domain/route.ts";
import { Secret } from "../../src/domain/secret.ts";
import { planLogin, type SshAccessGiven } from "../../src/ssh/login-plan.ts";

const ROOT: SshLogin = { user: "root", password: new Secret("x") };
const READY: SshLogin = { user: "work", privateKey: new Secret("k") };
const base: SshAccessGiven = { accounts: ["owner"], system: "linux" };

describe("planLogin()", () => {
  test.each([
    [
      "an administrator for the platform's accounts",
      { ...base, administrator: ROOT },
      [],
      false,
      "administrator",
      "root",
      ["owner"],
    ],
    [
      "an administrator for the user's accounts, each once",
      { ...base, administrator: ROOT },
      ["ana", "ben", "ana"],
      false,
      "administrator",
      "root",
      ["ana", "ben"],
    ],
    [
      "an administrator for itself where nobody is named",
      { ...base, accounts: [], administrator: ROOT },
      [],
      false,
      "administrator",
      "root",
      ["root"],
    ],
    [
      "an administrator also for the user's own key",
      { ...base, administrator: ROOT, ready: READY },
      [],
      true,
      "administrator",
      "root",
      ["owner"],
    ],
    ["a ready login", { ...base, ready: READY }, [], false, "ready", "work", ["work"]],
    ["a ready login that is named", { ...base, ready: READY }, ["work"], false, "ready", "work", ["work"]],
    [
      "a ready password login as administrator",
      { ...base, accounts: [], ready: ROOT },
      [],
      false,
      "administrator",
      "root",
      ["root"],
    ],
    ["the user's own key", { ...base, accounts: [] }, ["ana"], true, "own", "ana", ["ana"]],
    [
      "the user's own key for the ready account",
      { ...base, accounts: [], ready: READY },
      [],
      true,
      "own",
      "work",
      ["work"],
    ],
  ] as const)("chooses %s", (_name, access, wanted, hasIdentity, kind, user, accounts) => {
    const plan = planLogin(access, wanted, hasIdentity);
    expect([plan.kind, plan.login.user, [...plan.accounts]]).toEqual([kind, user, [...accounts]]);
  });

  test.each([
    ["nothing to log in with", base, [], false, "Nobody hands out a login"],
    ["no account to log in as", { ...base, accounts: [] }, [], true, "No account is known"],
    ["a ready login for somebody else", { ...base, ready: READY }, ["root"], false, 'as "work" only, not as "root"'],
    ["an account that is no name", { ...base, administrator: ROOT }, ["a b"], false, "cannot be used"],
  ] as const)("refuses %s", (_name, access, wanted, hasIdentity, message) => {
    expect(() => planLogin(access, wanted, hasIdentity)).toThrow(message);
  });
});
