import { describe, expect, test } from "bun:test";
import { checkAccount, formatAuthorizedKey, formatKeyTag } from "../../../src/ssh/formats/authorized-keys.ts";
import { findHostKeys, fingerprint, parseHostKey } from "../../../src/ssh/formats/host-key.ts";
import { checkAlias } from "../../../src/ssh/formats/ssh-config.ts";

const LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV";
const NEW = "SSH-2.0-OpenSSH_9.2p1 Debian-2";
const TAG = { run: "56819", workstation: "lab pc\n#1", id: "t1" };

describe("formatAuthorizedKey()", () => {
  test("is one line, tagged, with only the rights a person needs", () => {
    expect(formatAuthorizedKey(LINE, TAG, NEW)).toBe(
      `restrict,pty,port-forwarding,agent-forwarding,X11-forwarding,user-rc ${LINE} runtunnel:56819:lab-pc-1:t1`,
    );
  });

  test.each(["", "hello", `${LINE}\nssh-rsa AAAA`, `command="x" ${LINE}`])("refuses %j as a key", (text) => {
    expect(() => formatAuthorizedKey(text, TAG, NEW)).toThrow("it is no public key");
  });

  test.each([
    ["SSH-2.0-OpenSSH_7.2p2", true],
    ["SSH-2.0-OpenSSH_10.0", true],
    ["SSH-2.0-OpenSSH_for_Windows_8.1", true],
    ["SSH-2.0-OpenSSH_7.1", false],
    ["SSH-2.0-OpenSSH_6.6.1", false],
    ["SSH-2.0-dropbear_2022.83", false],
    ["", false],
  ])("for %j has options: %p", (banner, hasOptions) => {
    expect(formatAuthorizedKey(LINE, TAG, banner).startsWith("restrict,")).toBe(hasOptions);
  });

  test("formatKeyTag() leaves nothing that could end a line", () => {
    expect(formatKeyTag({ run: "a:b\r\n", workstation: "ü", id: '"' })).toBe("runtunnel:a-b-:-:-");
  });
});

test.each(["root", "a.b-c", "user@corp.example", "CORP\\user", "svc$", "_apt", "1000"])(
  "checkAccount() takes %j",
  (name) => {
    expect(checkAccount(name)).toBe(name);
  },
);

test.each(["", "-rf", "a b", "a\nb", "$(id)", "a;b", "a/b", "../x", "x".repeat(200)])(
  "checkAccount() refuses %j",
  (name) => {
    expect(() => checkAccount(name)).toThrow("cannot be used");
  },
);

test.each(["pipeline-56819", "session-my.session", "büro", "_x"])("checkAlias() takes %j", (name) => {
  expect(checkAlias(name)).toBe(name);
});

test.each(["", "-o", "a b", "a*", "!a", "a?", "a,b", 'a"', "a\n", "a#", "a@b", "a:b", "a/b", "%h"])(
  "checkAlias() refuses %j",
  (name) => expect(() => checkAlias(name)).toThrow("cannot be used"),
);

describe("findHostKeys()", () => {
  test("finds keys among a login's greetings, each once", () => {
    const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDJSn0g";
    const text = `Welcome!\r\n${LINE} root@run\r\n${LINE}\nssh-dss nothing\nbroken ${LINE}\n${rsa}\n`;
    expect(findHostKeys(text).map(({ type }) => type)).toEqual(["ssh-ed25519", "ssh-rsa"]);
  });

  test("fingerprint() is OpenSSH's", () => {
    expect(fingerprint(parseHostKey(LINE))).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });
});
