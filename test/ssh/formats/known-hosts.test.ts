import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { knownHostName, putKnownHost, removeKnownHost } from "../../../src/ssh/formats/known-hosts.ts";

const KEY = {
  type: "ssh-ed25519",
  base64: "AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV",
};
const OTHER = `ssh-ed25519 ${KEY.base64.replace("INzN", "IAAA")}`;
const HOST = { names: ["pipeline-1", "[127.0.0.1]:4567"], keys: [KEY], tag: "runtunnel:t1" };

describe("putKnownHost() and removeKnownHost()", () => {
  test("our line holds all names and the tag", () => {
    expect(putKnownHost("", HOST)).toBe(`pipeline-1,[127.0.0.1]:4567 ssh-ed25519 ${KEY.base64} runtunnel:t1\n`);
  });

  test.each([
    ["a longer port", `[127.0.0.1]:45678 ${OTHER}\n`],
    ["a longer name", `pipeline-12 ${OTHER}\n`],
    ["a name it is part of", `my-pipeline-1 ${OTHER}\n`],
    ["a hashed line", `|1|qWGGp1Zl2tLXhFcR2CVfTQ8s2Bc=|VMzvLoyV+BcQyXWEzsAUTHPQWWU= ${OTHER}\n`],
    ["a certificate authority", `@cert-authority *.example,pipeline-1 ${OTHER}\n`],
    ["a revoked key", `@revoked pipeline-1 ${OTHER}\n`],
    ["a comment", `# pipeline-1 ${OTHER}\n`],
    ["a pattern", `pipeline-* ${OTHER}\n`],
    ["blank lines and CRLF", `\r\nbox ${OTHER}\r\n\r\n`],
    ["a comment like a tag", `box ${OTHER} runtunnel:t10\n`],
    ["Latin-1 bytes", `# B\xfcro\nbox ${OTHER}\n`],
  ])("leave %s alone", (_name, text) => {
    const put = putKnownHost(text, HOST);
    expect(put).toStartWith(text);
    expect(removeKnownHost(put, HOST.tag)).toBe(text);
  });

  test("an older line of the same host loses the name, not its other names", () => {
    const put = putKnownHost(`pipeline-1,box ${OTHER} mine\n[127.0.0.1]:4567 ${OTHER}\n`, HOST);
    expect(put).toBe(`box ${OTHER} mine\n${putKnownHost("", HOST)}`);
    expect(putKnownHost(`PIPELINE-1 ${OTHER}\n`, HOST)).toBe(putKnownHost("", HOST));
  });

  test("a last line without its end gets one", () => {
    expect(putKnownHost(`box ${OTHER}`, HOST)).toStartWith(`box ${OTHER}\npipeline-1,`);
  });

  test("twice is once", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const once = putKnownHost(text, HOST);
        expect(putKnownHost(once, HOST)).toBe(once);
      }),
    );
  });
});

test("knownHostName() has brackets for every port but 22", () => {
  expect([knownHostName("127.0.0.1", 22), knownHostName("127.0.0.1", 4567)]).toEqual(["127.0.0.1", "[127.0.0.1]:4567"]);
});
