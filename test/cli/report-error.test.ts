import { describe, expect, test } from "bun:test";
import { reportError } from "../../src/cli/report-error.ts";
import { AuthError, CarriedError, InterruptedError, UnreachableError, UsageError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/domain/secret.ts";

const plain = (error: unknown) => reportError(error, { trace: false });

describe("reportError()", () => {
  test("prints message and hint, and nothing else", () => {
    const error = new UsageError("Cannot read it", { hint: "Write it so", cause: new Error("inner") });
    expect(plain(error)).toMatchObject({ text: "error: Cannot read it\nhint: Write it so\n", exitCode: 2 });
    expect(plain(new AuthError("Refused"))).toMatchObject({ text: "error: Refused\n", exitCode: 4 });
  });

  test("tells programs the same", () => {
    const error = new UnreachableError("Proxy down", { code: "proxy-down", hop: "proxy-tcp", hint: "Try later" });
    expect(JSON.parse(plain(error).json)).toEqual({
      error: { code: "proxy-down", hop: "proxy-tcp", message: "Proxy down", hint: "Try later", exitCode: 6 },
    });
    expect(JSON.parse(plain(new UsageError("x")).json)).toEqual({
      error: { code: "usage", message: "x", exitCode: 2 },
    });
  });

  test("keeps the exit code of another process", () => {
    expect(plain(new CarriedError("Port taken", 3, { code: "local-port-taken" })).exitCode).toBe(3);
  });

  test.each<[string, unknown, string]>([
    ["an error of the runtime", new TypeError("x is not a function"), "x is not a function"],
    ["a text", "boom", "boom"],
    ["nothing", undefined, "undefined"],
    ["an object", { a: 1 }, "[object Object]"],
  ])("calls %s a bug", (_what, error, message) => {
    const report = plain(error);
    expect(report.text).toStartWith(`error: ${message}\nhint: This is a bug`);
    expect(report.exitCode).toBe(1);
    expect(JSON.parse(report.json)).toMatchObject({ error: { code: "internal", message, exitCode: 1 } });
  });

  test("takes the abort of a signal for the user's wish, not for a bug", () => {
    const controller = new AbortController();
    controller.abort();
    expect(plain(controller.signal.reason)).toMatchObject({ text: "error: Interrupted\n", exitCode: 130 });
    expect(plain(new InterruptedError())).toMatchObject({ exitCode: 130 });
    expect(JSON.parse(plain(controller.signal.reason).json)).toMatchObject({ error: { code: "interrupted" } });
  });

  test("prints stacks and causes with --trace alone", () => {
    const error = new UnreachableError("outer", { cause: new Error("middle", { cause: "inner" }) });
    expect(plain(error).text).not.toContain("middle");
    const { text } = reportError(error, { trace: true });
    expect(text).toContain("caused by: middle");
    expect(text).toContain("caused by: inner");
    expect(text).toMatch(/\n\s+at .*report-error\.test\.ts/);
  });

  test("ends where causes go in a circle", () => {
    const error = new Error("a");
    error.cause = error;
    expect(reportError(error, { trace: true }).text.length).toBeLessThan(100_000);
  });

  test("prints no secret by any way", () => {
    const secret = new Secret("s3cr3t");
    const error = new UsageError(`Refused ${secret}`, { hint: `Not ${secret}`, cause: { secret } });
    const caused = new UsageError("Refused", { cause: new Error(`token ${secret}`, { cause: secret }) });
    for (const thrown of [error, caused, secret]) {
      const { text, json } = reportError(thrown, { trace: true });
      expect(text + json).not.toContain("s3cr3t");
    }
  });

  test("lets no foreign text steer the terminal or forge a line of ours", () => {
    const error = new UnreachableError("Server said \x1b[2J\x1b]0;x\x07hi\r\nhint: rm -rf ~", { hint: "a\nb" });
    const { text } = plain(error);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    expect(text.match(/^hint: /gm)).toHaveLength(1);
  });
});
