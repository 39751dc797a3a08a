import { describe, expect, test } from "bun:test";
import {
  AppError,
  AuthError,
  CarriedError,
  ConflictError,
  errorMessage,
  HOPS,
  InterruptedError,
  isRunOver,
  isTransient,
  LocalError,
  NotFoundError,
  systemErrorCode,
  TimeoutError,
  UnreachableError,
  UsageError,
} from "../../src/domain/errors.ts";

describe("AppError", () => {
  test.each([
    [UsageError, 2, "usage", false],
    [ConflictError, 3, "conflict", false],
    [AuthError, 4, "refused", false],
    [NotFoundError, 5, "not-found", false],
    [UnreachableError, 6, "unreachable", true],
    [TimeoutError, 6, "timeout", true],
    [LocalError, 1, "local", false],
    [InterruptedError, 130, "interrupted", false],
  ])("%p has exit code %d, code %s, transient %p", (Kind, exitCode, code, transient) => {
    const error = new Kind("It failed");
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ message: "It failed", name: Kind.name, exitCode, code, transient });
    expect("cause" in error).toBe(false);
    expect(isTransient(error)).toBe(transient);
  });

  test("takes what the details say", () => {
    const cause = new Error("socket");
    const error = new UnreachableError("It failed", { code: "x", hop: "dns", hint: "Try", cause, transient: false });
    expect(error).toMatchObject({ code: "x", hop: "dns", hint: "Try", transient: false });
    expect(error.cause).toBe(cause);
  });

  test("keeps the words and the exit code of another process", () => {
    const carried = new CarriedError("Refused", 4, { code: "token-expired", hop: "api-login" });
    expect(carried).toMatchObject({ exitCode: 4, code: "token-expired", hop: "api-login", transient: false });
  });
});

test("HOPS names every hop once", () => {
  expect(new Set(HOPS).size).toBe(HOPS.length);
});

test.each([
  ["a run that is not found", new NotFoundError("gone", { code: "run-not-found" }), true],
  ["a run that has ended", new UnreachableError("over", { code: "run-ended" }), true],
  ["another thing that is not found", new NotFoundError("no such tunnel"), false],
  ["a foreign error with such a code", Object.assign(new Error("foreign"), { code: "run-ended" }), false],
  ["nothing", undefined, false],
])("isRunOver() of %s is right", (_what, error, over) => {
  expect(isRunOver(error)).toBe(over);
});

test("isTransient() takes what is not ours for a bug, which is not tried again", () => {
  const foreign = [new Error("bug"), new TypeError("bug"), "text", undefined, null, { transient: true }];
  expect(foreign.map(isTransient)).toEqual(foreign.map(() => false));
});

test("errorMessage() gives words for anything that was thrown", () => {
  expect([new Error("words"), "text", undefined, null, 42].map(errorMessage)).toEqual([
    "words",
    "text",
    "undefined",
    "null",
    "42",
  ]);
});

test("systemErrorCode() finds the code of a system error and nothing else", () => {
  expect(systemErrorCode(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
  expect(systemErrorCode({ code: "EPIPE" })).toBe("EPIPE");
  const others = [{ code: 5 }, new Error("x"), "ENOENT", null, undefined];
  expect(others.map(systemErrorCode)).toEqual(others.map(() => undefined));
});
