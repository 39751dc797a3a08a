import { describe, expect, test } from "bun:test";
import { parseHostKey } from "../../../src/ssh/formats/host-key.ts";
import { generateKeyPair, publicKeyLine } from "../../../src/ssh/formats/private-key.ts";
import {
  findPuttyHostKey,
  putPuttyHostKey,
  puttyHostKey,
  removePuttyHostKey,
} from "../../../src/ssh/formats/putty-host-key.ts";
import { puttySessionFileName, puttySessionKeyName } from "../../../src/ssh/formats/putty-names.ts";
import {
  isOwnSession,
  parsePuttySession,
  puttySettings,
  renderPuttySession,
} from "../../../src/ssh/formats/putty-session.ts";

describe("puttyHostKey()", () => {
  test("gives the published coordinates of an ed25519 key", () => {
    const key = parseHostKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV me");
    const entry = puttyHostKey(key, "127.0.0.1", 4567);
    expect(entry && putPuttyHostKey("", entry)).toBe(
      "ssh-ed25519@4567:127.0.0.1 0x17ea37352a82fc7edc0cdcd86e235fe738693a9d024d5cac9957a836669568b9,0x15f1809c9aa0ca097c1db040380fa334fc79e00f73a7565085932c18ec98cddc\n",
    );
  });

  test("gives exponent and modulus of an RSA key", async () => {
    const key = await generateKeyPair("rsa");
    const entry = puttyHostKey(parseHostKey(publicKeyLine(key, "")), "127.0.0.1", 22);
    const modulus = key.material.kind === "rsa" ? key.material.n.toString(16) : "";
    expect(entry).toEqual({ name: "rsa2@22:127.0.0.1", value: `0x10001,0x${modulus}` });
  });

  test("knows nothing of other kinds", () => {
    const blob = Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from("ssh-dss"), Buffer.alloc(20)]);
    expect(puttyHostKey({ type: "ssh-dss", base64: blob.toString("base64") }, "::1", 22)).toBeUndefined();
  });

  test("refuses a point that is not on the curve", () => {
    const blob = Buffer.concat([
      Buffer.from([0, 0, 0, 11]),
      Buffer.from("ssh-ed25519"),
      Buffer.from([0, 0, 0, 32]),
      Buffer.alloc(32, 2),
    ]);
    expect(() => puttyHostKey({ type: "ssh-ed25519", base64: blob.toString("base64") }, "::1", 22)).toThrow("curve");
  });
});

describe("putPuttyHostKey() and removePuttyHostKey()", () => {
  const entry = { name: "ssh-ed25519@4567:127.0.0.1", value: "0x1,0x2" };

  test.each(["", "rsa2@22:box 0x1\n", "ssh-ed25519@45678:127.0.0.1 0x5,0x6\nssh-ed25519@4567:127.0.0.10 0x7\n"])(
    "leave %j as it was",
    (text) => {
      const put = putPuttyHostKey(text, entry);
      expect(findPuttyHostKey(put, entry.name)).toBe(entry.value);
      expect(removePuttyHostKey(put, entry.name)).toBe(text);
    },
  );

  test("replace an older value in its place", () => {
    const text = `a 1\n${entry.name} 0x9\nb 2\n`;
    expect(putPuttyHostKey(text, entry)).toBe(`a 1\n${entry.name} 0x1,0x2\nb 2\n`);
  });
});

describe("puttySessionFileName() and puttySessionKeyName()", () => {
  test.each([
    ["pipeline-56819", "pipeline-56819", "pipeline-56819"],
    ["a b", "a%20b", "a%20b"],
    [".hidden", ".hidden", "%2Ehidden"],
    ["50%*?\\", "50%25%2A%3F%5C", "50%25%2A%3F%5C"],
    ["a/b:c", "a%2Fb%3Ac", "a/b:c"],
    ["ü", "%C3%BC", "%C3%BC"],
    ["tab\there", "tab%09here", "tab%09here"],
  ])("%j is %j and %j", (name, file, key) => {
    expect([puttySessionFileName(name), puttySessionKeyName(name)]).toEqual([file, key]);
  });
});

describe("isOwnSession()", () => {
  const session = { owner: "t1", address: "127.0.0.1", port: 4567, user: "root", keyFile: "/s/k.ppk" };
  const text = renderPuttySession(puttySettings(session));

  test("knows its own, and its own saved again by PuTTY without the mark", () => {
    expect(isOwnSession(parsePuttySession(text), session)).toBe(true);
    expect(isOwnSession(parsePuttySession(text.replace("RuntunnelOwner=t1\n", "")), session)).toBe(true);
  });

  test("does not know that of another tunnel or of the user", () => {
    expect(isOwnSession(parsePuttySession(text), { ...session, owner: "t2" })).toBe(false);
    expect(isOwnSession(parsePuttySession("HostName=127.0.0.1\nPortNumber=4567\n"), session)).toBe(false);
  });
});
