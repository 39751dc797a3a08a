import { expect, test } from "bun:test";
import { Secret } from "../../src/domain/secret.ts";
import { describeForeignPage, quoteForeign } from "../../src/platforms/foreign-text.ts";

test.each([
  ["plain", "plain"],
  ["  two\r\n lines\t", "two lines"],
  ["\u001b[31mred\u001b[0m \u202eltr\u0000", "[31mred [0m ltr"],
  ["x".repeat(300), `${"x".repeat(200)}...`],
  ["the key is hunter2.", "the key is [redacted]."],
])("quoteForeign() makes %p fit for a message", (text, expected) => {
  expect(quoteForeign(text, [new Secret("hunter2")])).toBe(expected);
});

test("quoteForeign() finds a secret that reaches beyond what is quoted", () => {
  const secret = new Secret("s".repeat(1500));
  const text = `refused: ${secret.reveal()} ${"x".repeat(2000)}`;
  expect(quoteForeign(text, [secret])).toStartWith("refused: [redacted] xxx");
  expect(describeForeignPage(`<title>${text}</title>`, [secret])).toContain("refused: [redacted] xxx");
});

test.each([
  ["<html><TITLE lang=en> 502\nBad </TITLE>", 'a web page titled "502 Bad"'],
  ["\n<!doctype html><p>", "a web page"],
  ["upstream timed out", '"upstream timed out"'],
  ["", "nothing"],
])("describeForeignPage() says what %p is", (text, expected) => {
  expect(describeForeignPage(text)).toBe(expected);
});
