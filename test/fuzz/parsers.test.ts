// Everything that reads what others wrote: whatever comes, it is understood or refused with an error of ours, never with
// an accident, and what was accepted can be written and read again.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parseProjectFile } from "../../src/cli/project-file.ts";
import { parseDuration } from "../../src/domain/duration.ts";
import { parseEndpoint } from "../../src/domain/endpoint.ts";
import { AppError } from "../../src/domain/errors.ts";
import { parsePortRange } from "../../src/domain/ports.ts";
import { Secret } from "../../src/domain/secret.ts";
import { parseLsof } from "../../src/os/listening-ports/lsof-output.ts";
import { parseNetstat } from "../../src/os/listening-ports/netstat-output.ts";
import { parseProcNetTcp } from "../../src/os/listening-ports/proc-net-tcp.ts";
import { parseProcStat, parseStatusUid } from "../../src/os/processes/proc-files.ts";
import { explainProblem } from "../../src/platforms/backend-ai/problem.ts";
import {
  decodePayload,
  decodeRun,
  decodeTasks,
  decodeText,
  findEnvelopeError,
} from "../../src/platforms/cloud-pipeline/api-decoders.ts";
import { decodeClientFile } from "../../src/platforms/cloud-pipeline/client-config.ts";
import { decideEdge } from "../../src/platforms/cloud-pipeline/edge.ts";
import { checkToken, decodeToken } from "../../src/platforms/cloud-pipeline/token.ts";
import { parseProxySetting } from "../../src/platforms/plain-host/proxy-setting.ts";
import { decodeRecord, encodeRecord } from "../../src/registry/record.ts";
import { findHostKeys, parseHostKey } from "../../src/ssh/formats/host-key.ts";
import { putKnownHost, removeKnownHost } from "../../src/ssh/formats/known-hosts.ts";
import { findBlocks, putBlockFirst, removeBlock } from "../../src/ssh/formats/marked-block.ts";
import { formatPrivateKey, generateKeyPair, parsePrivateKey } from "../../src/ssh/formats/private-key.ts";
import { parsePuttySession } from "../../src/ssh/formats/putty-session.ts";
import { quoteForeign } from "../../src/streams/foreign-text.ts";
import { decodeReply, decodeRequest } from "../../src/tunnel/control/control-protocol.ts";
import { makeRecord } from "../support/specs.ts";

setDefaultTimeout(60_000);

const RUNS = { numRuns: 300 };
const FIXTURES = join(import.meta.dir, "../fixtures");

/** Calls it, and lets errors of ours pass; any other is an accident. */
function tolerate(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.message.length).toBeLessThan(20_000);
  }
}

/** A text with some of its characters changed, taken away, doubled or put elsewhere, or cut short. */
function mutated(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(Math.max(text.length - 1, 0)),
    kind: fc.constantFrom("change", "remove", "double", "insert", "cut"),
    piece: fc.string({ unit: "binary", maxLength: 8 }),
    length: fc.nat(40),
  });
  return fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
    edits.reduce((result, { at, kind, piece, length }) => {
      const [head, tail] = [result.slice(0, at), result.slice(at)];
      if (kind === "change") return head + piece + tail.slice(piece.length);
      if (kind === "remove") return head + tail.slice(length);
      if (kind === "double") return head + tail.slice(0, length) + tail;
      return kind === "insert" ? head + piece + tail : head;
    }, text),
  );
}

const noise = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.string({ maxLength: 200 }),
);
const like = (...samples: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(noise, ...samples.map((sample) => mutated(sample)));
const fixtures = (folder: string, start: string): readonly string[] =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => name.startsWith(start))
    .map((name) => readFileSync(join(FIXTURES, folder, name), "latin1"));

const TOML = `[defaults]\nplatform = "host"\n[service]\nlisten = 9464\n[[tunnel]]\nname = "one"\nrun = 1001\nlocal-port = "4567-4569"\nssh = true\n`;
const CLIENT_FILE = `{"api": "https://cp.example/pipeline/restapi/", "access_key": "a.b.c", "tz": "utc", "proxy": ""}`;
const TOKEN = `e30.${Buffer.from('{"exp": 1700000000, "sub": "ada"}').toString("base64url")}.x`;

describe("any text", () => {
  test.each<[string, fc.Arbitrary<string>, (text: string) => unknown]>([
    ["a port expression", like("4567-4569", "0", "65535"), (text) => parsePortRange(text, "-lp")],
    ["a duration", like("500ms", "1.5h"), (text) => parseDuration(text, "-t", "s")],
    ["an endpoint", like("[::1]:22", "host.example:65535"), (text) => parseEndpoint(text, "the proxy", 80)],
    ["a proxy", like("http://user:word@proxy.example:3128", "wss://h/p"), (text) => parseProxySetting(text, "--proxy")],
    ["a project file", like(TOML), (text) => parseProjectFile(text, "/x/runtunnel.toml", [])],
    ["a client's file", like(CLIENT_FILE), (text) => decodeClientFile(text, "/x/config.json")],
    ["a token", like(TOKEN), (text) => [decodeToken(new Secret(text)), checkToken(new Secret(text), "x", 0)]],
    ["an EDGE address", like("https://edge.example:443/x"), (text) => decideEdge(text, {})],
    ["a record", like(encodeRecord(makeRecord())), (text) => decodeRecord(text, "/x")],
    ["a request of the control channel", like('{"token":"a","request":{"kind":"status"}}'), decodeRequest],
    ["a reply of the control channel", like('{"kind":"draining","openConnections":1,"inFlightBytes":2}'), decodeReply],
    [
      "a host key",
      like("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqP"),
      (text) => [findHostKeys(text), parseHostKey(text)],
    ],
    ["a PuTTY session", like("HostName=h\nPortNumber=22\n"), parsePuttySession],
    ["what lsof prints", like(...fixtures("os", "lsof")), parseLsof],
    ["what netstat prints", like(...fixtures("os", "netstat")), parseNetstat],
    ["/proc/net/tcp", like(...fixtures("os", "proc-net")), parseProcNetTcp],
    ["/proc/PID/stat", like(...fixtures("os", "proc-stat")), (text) => [parseProcStat(text), parseStatusUid(text)]],
  ])("for %s is understood or refused", (_what, texts, parse) => {
    fc.assert(
      fc.property(texts, (text) => tolerate(() => parse(text))),
      RUNS,
    );
  });

  test("is quoted in printable ASCII, short, and within its quotes", () => {
    fc.assert(
      fc.property(fc.oneof(noise, fc.uint8Array({ maxLength: 2000 })), (text) => {
        expect(quoteForeign(text)).toMatch(/^"[ !#-~]{0,123}"$/);
      }),
      RUNS,
    );
  });
});

describe("any JSON", () => {
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record({ status: fc.jsonValue(), payload: fc.jsonValue(), message: fc.jsonValue() }, { requiredKeys: [] }),
    fc.record({ id: fc.jsonValue(), status: fc.jsonValue(), podIP: fc.jsonValue(), instance: fc.jsonValue() }),
  );

  test.each<[string, (body: unknown) => unknown]>([
    ["an answer of Cloud Pipeline", (body) => findEnvelopeError(body, "Cannot ask", [])],
    ["its payload", (body) => decodePayload(body, "Cannot ask")],
    ["a run", (body) => decodeRun(body, "Cannot ask")],
    ["tasks", (body) => decodeTasks(body, "Cannot ask")],
    ["a text", (body) => decodeText(body, "Cannot ask")],
    [
      "a problem of Backend.AI",
      (body) =>
        explainProblem(body, {
          action: "Cannot ask",
          status: 404,
          clockSkewMs: undefined,
          identity: "key-pair",
          usesWebLogin: false,
          secrets: [],
        }),
    ],
  ])("for %s is understood or refused", (_what, decode) => {
    fc.assert(
      fc.property(json, (body) => tolerate(() => decode(body))),
      RUNS,
    );
  });

  test("nested a hundred thousand deep is no accident", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    for (const text of [deep, `{"token":${deep}}`, `{"kind":${deep}}`]) {
      tolerate(() => decodeRecord(text, "/x"));
      tolerate(() => decodeRequest(text));
      tolerate(() => decodeReply(text));
      tolerate(() => decodeClientFile(text, "/x"));
    }
  });
});

describe("private keys", () => {
  test("of every format, changed at random, are read or refused", async () => {
    const key = await generateKeyPair("ed25519", "test");
    for (const format of ["openssh", "pem", "ppk"] as const) {
      const text = formatPrivateKey(key, format);
      const locked = formatPrivateKey(key, format, { passphrase: "x" });
      fc.assert(
        fc.property(fc.oneof(mutated(text), noise), (changed) => tolerate(() => parsePrivateKey(changed))),
        RUNS,
      );
      // Locked ones cost time on purpose, up to what the file itself asks for.
      fc.assert(
        fc.property(mutated(locked), (changed) => tolerate(() => parsePrivateKey(changed, "y"))),
        { numRuns: 5 },
      );
    }
  });
});

describe("users' files", () => {
  const host = {
    names: ["alias", "[127.0.0.1]:4567"],
    keys: [{ type: "ssh-ed25519", base64: "AAAA" }],
    tag: "runtunnel:x",
  };
  const block = { id: "pipeline-1", lines: ["Host pipeline-1", "  Port 22"] };

  test("known_hosts gets its lines and loses them again, and no other byte changes", () => {
    fc.assert(
      fc.property(like("example.org ssh-rsa AAAA\r\n# a comment\n@revoked * ssh-ed25519 AAAA"), (text) => {
        fc.pre(!text.includes("runtunnel:x"));
        // A last line without an end got one when ours came after it.
        expect([text, `${text}\n`, `${text}\r\n`]).toContain(removeKnownHost(putKnownHost(text, host), host.tag));
      }),
      RUNS,
    );
  });

  test("ssh_config gets its block and loses it again, and no other byte changes", () => {
    fc.assert(
      fc.property(like("Host *\n  User ada\nMatch host x\r\n  Port 1\n"), (text) => {
        fc.pre(!text.includes("runtunnel"));
        const added = putBlockFirst(text, block, "/x/config");
        expect(findBlocks(added, "/x/config").map(({ id }) => id)).toContain(block.id);
        expect(removeBlock(added, block.id, "/x/config")).toBe(text);
      }),
      RUNS,
    );
  });

  test("ssh_config with damaged marks is refused, or changes only where its marks are whole", () => {
    const whole = putBlockFirst("Host *\n  User ada\n", block, "/x/config");
    fc.assert(
      fc.property(mutated(whole), (text) => tolerate(() => removeBlock(text, block.id, "/x/config"))),
      RUNS,
    );
  });
});
