import { describe, expect, test } from "bun:test";
import sshpk from "sshpk";
import { parseAnyPrivateKey } from "../../../src/ssh/formats/foreign-key.ts";
import { formatPrivateKey, parsePrivateKey, publicKeyLine } from "../../../src/ssh/formats/private-key.ts";

const key = sshpk.generatePrivateKey("ecdsa", { curve: "nistp256" });
const line = key.toPublic().toString("ssh").split(" ").slice(0, 2).join(" ");

describe("parseAnyPrivateKey()", () => {
  test("reads a DNSSEC key, which only the library knows", async () => {
    const text = key.toString("dnssec");
    expect(() => parsePrivateKey(text)).toThrow();
    expect(publicKeyLine(await parseAnyPrivateKey(text), "")).toBe(line);
  });

  test("reads what we know ourselves without the library's help", async () => {
    const known = parsePrivateKey(key.toString("pkcs8"));
    const again = await parseAnyPrivateKey(formatPrivateKey(known, "ppk"));
    expect(publicKeyLine(again, "")).toBe(line);
  });

  test("refuses garbage with our own words", async () => {
    await expect(parseAnyPrivateKey("not a key at all")).rejects.toThrow(/Cannot read the private key/);
  });
});
