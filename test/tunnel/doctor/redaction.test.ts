import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Secret } from "../../../src/domain/secret.ts";
import { createRedactor } from "../../../src/tunnel/doctor/redaction.ts";

const SECRET = 'p@ss "word"/ü+1';
const withKnown = createRedactor([new Secret(SECRET)]);
const withoutKnown = createRedactor([]);

describe("createRedactor()", () => {
  test.each([
    ["as it is", `the word is ${SECRET}!`],
    ["in JSON", JSON.stringify({ word: SECRET })],
    ["in a URL", `https://host/?q=${encodeURIComponent(SECRET)}`],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in a login", `x ${Buffer.from(`jane:${SECRET}`).toString("base64")} y`],
    ["in a longer login", `x ${Buffer.from(`janet:${SECRET} and more`).toString("base64")} y`],
    ["in base64url", Buffer.from(`a ${SECRET}`).toString("base64url")],
  ])("takes a known secret out %s", (_how, text) => {
    const left = withKnown(text);
    expect(left).toContain("[redacted]");
    for (const part of [SECRET, JSON.stringify(SECRET).slice(1, -1), encodeURIComponent(SECRET)]) {
      expect(left).not.toContain(part);
    }
    for (const word of left.match(/[\w+/=-]{8,}/g) ?? []) {
      expect(Buffer.from(word, "base64").toString("utf8")).not.toContain("word");
    }
  });

  test("takes known secrets out whatever surrounds them", () => {
    const secret = fc.string({ minLength: 12, maxLength: 40 });
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (text, before, behind) => {
        const redactText = createRedactor([new Secret(text)]);
        const encoded = Buffer.from(before + text + behind).toString("base64");
        expect(redactText(before + text + behind)).not.toContain(text);
        const left = redactText(encoded);
        for (const word of left.split("[redacted]")) {
          expect(Buffer.from(word, "base64").toString("utf8")).not.toContain(text);
        }
      }),
    );
  });

  test.each([
    ["Authorization: Basic amFuZTpzZWNyZXQ=", "amFuZTpzZWNyZXQ"],
    ["proxy-authorization: Bearer abcdef", "abcdef"],
    ["Cookie: AIOHTTP_SESSION=0123456789abcdef; other=1", "0123456789abcdef"],
    ['{"X-BackendAI-SessionID":"0123456789abcdef"}', "0123456789abcdef"],
    ["http://jane:hidden@proxy.example:3128/", "hidden"],
    ["RUNTUNNEL_PROXY_PASSWORD=hidden", "hidden"],
    ['password = "hid den"', "hid den"],
    ["secret-key: 'hidden'", "hidden"],
    ['"access_key": "hidden"', "hidden"],
    ["token eyJhbGciOiJSUzUxMiJ9.eyJzdWIiOiJBREEifQ.c2ln here", "eyJzdWIi"],
    [
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----",
      "b3BlbnNzaC1rZXktdjE",
    ],
    ["-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA cut off", "MIIEpAIBAAKCAQEA"],
    ["PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAAIHidden\nPrivate-MAC: abc", "AAAAIHidden"],
    ["sid=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA0x", "Zm9vYmFyYmF6"],
    ["a word of chance Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA0x in a log", "Zm9vYmFyYmF6"],
  ])("takes out what looks like a secret: %s", (text, hidden) => {
    expect(withoutKnown(text)).not.toContain(hidden);
    expect(withoutKnown(text)).toContain("[redacted]");
  });

  test.each([
    "127.0.0.1:4567 -> 22",
    "/home/ada/.local/state/runtunnel/logs/pipeline-56819-0a1b2c3d.log",
    "2d0ec625-966c-467e-ae60-e8c722b8ec5b",
    "https://pipeline.example:443/pipeline/restapi/run/1001",
    "The remote port 22 of pipeline-1001 answers after 12 ms",
    "SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og",
  ])("leaves alone what is no secret: %s", (text) => {
    expect(withKnown(text)).toBe(text);
  });

  test("does not take a secret of three letters out of every word", () => {
    expect(createRedactor([new Secret("run")])("run 1001 runs")).toBe("run 1001 runs");
  });
});
