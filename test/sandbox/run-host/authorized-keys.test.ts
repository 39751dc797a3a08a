// Reading authorized_keys as a server does.
import { expect, test } from "bun:test";
import { EVERYTHING, parseAuthorizedKeys } from "../../../src/sandbox/run-host/authorized-keys.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV";

test.each([
  [KEY, EVERYTHING],
  [`${KEY} me@here with words`, EVERYTHING],
  [`restrict ${KEY}`, { pty: false, portForwarding: false }],
  [`restrict,pty ${KEY}`, { pty: true, portForwarding: false }],
  [`restrict,pty,port-forwarding,agent-forwarding,X11-forwarding,user-rc ${KEY} tag`, EVERYTHING],
  [`no-pty ${KEY}`, { pty: false, portForwarding: true }],
  [`command="echo \\"a, b\\"",no-port-forwarding ${KEY}`, { pty: true, portForwarding: false, command: 'echo "a, b"' }],
  [`from="10.0.0.0/8,*.example",environment="A=ssh-rsa b" ${KEY}`, EVERYTHING],
  [`  ${KEY}\r`, EVERYTHING],
])("parseAuthorizedKeys() reads %j", (line, permissions) => {
  const [type = "", base64 = ""] = KEY.split(" ");
  expect(parseAuthorizedKeys(line)).toEqual([{ type, base64, permissions }]);
});

test.each(["", "# ssh-ed25519 AAAA", "ssh-ed25519", "restrict", "restrict,pty", 'command="x" nothing', "1024 35 123"])(
  "parseAuthorizedKeys() skips %j",
  (line) => {
    expect(parseAuthorizedKeys(line)).toEqual([]);
  },
);

test("parseAuthorizedKeys() reads all lines, the last one without its end too", () => {
  expect(parseAuthorizedKeys(`# mine\n${KEY} a\n\nssh-rsa AAAAB3 b`).map((key) => key.type)).toEqual([
    "ssh-ed25519",
    "ssh-rsa",
  ]);
});
