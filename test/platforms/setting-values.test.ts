import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { NotFoundError, UsageError } from "../../src/domain/errors.ts";
import { parseSwitch, readAuthorityFile, readSettingFile } from "../../src/platforms/setting-values.ts";
import { tempHome } from "../support/temp-home.ts";
import { rejection } from "./platform-context.ts";

const AUTHORITY = join(import.meta.dir, "fixtures/tls/authority.pem");

const from = (value: string) => ({ value, source: "test" });

test.each([
  ["true", true],
  ["YES", true],
  ["1", true],
  ["", false],
  ["off", false],
])("parseSwitch() reads %p as %p", (value, expected) => {
  expect(parseSwitch(from(value))).toBe(expected);
});

test("parseSwitch() refuses what is neither, so that a slip never turns a check off", () => {
  expect(() => parseSwitch(from("maybe"))).toThrow(UsageError);
  expect(parseSwitch(undefined)).toBe(false);
});

describe("readSettingFile()", () => {
  test("reads below the home folder and refuses relative paths", async () => {
    await using home = await tempHome();
    await Bun.write(join(home.path, "keys/id"), "key text");
    expect(await readSettingFile(from("~/keys/id"), home.path, "key file")).toBe("key text");
    expect(await rejection(readSettingFile(from("keys/id"), home.path, "key file"))).toBeInstanceOf(UsageError);
    const missing = await rejection(readSettingFile(from("~/none"), home.path, "key file"));
    expect(missing).toBeInstanceOf(NotFoundError);
  });
});

describe("readAuthorityFile()", () => {
  test("takes the certificates and leaves the rest", async () => {
    await using home = await tempHome();
    const path = join(home.path, "ca.pem");
    const pem = await Bun.file(AUTHORITY).text();
    await Bun.write(path, `# our authority\n${pem}\nnotes\n`);
    expect((await readAuthorityFile(from(path), home.path)).trim()).toBe(pem.trim());
  });

  test.each([
    ["", "holds no certificate"],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"],
  ])("refuses %p", async (text, message) => {
    await using home = await tempHome();
    const path = join(home.path, "ca.pem");
    await Bun.write(path, text);
    const error = await rejection(readAuthorityFile(from(path), home.path));
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
  });
});
