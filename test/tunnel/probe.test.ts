import { describe, expect, test } from "bun:test";
import type net from "node:net";
import { UnreachableError } from "../../src/domain/errors.ts";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import { direct } from "../../src/transports/direct/direct.ts";
import { type ProbeOptions, probe } from "../../src/tunnel/probe.ts";
import { closedPort, startServer, swallow } from "../support/echo-server.ts";
import { streamPair } from "../support/stream-pair.ts";
import { FakeTransport } from "./fake-route.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

const OPTIONS: ProbeOptions = {
  kind: "ssh",
  port: 22,
  timeoutMs: 5000,
  signal: new AbortController().signal,
  clock: systemClock(),
};

/** Probes a server that sends these chunks, one after the other, then does nothing or ends. */
async function probeChunks(
  chunks: readonly Uint8Array[],
  wishes: Partial<ProbeOptions> & { readonly ends?: "end" | "cut" } = {},
): Promise<{ readonly outcome: unknown; readonly isClosed: boolean }> {
  const [ours, theirs] = streamPair();
  const fake = new FakeTransport(() => ours);
  const outcome = probe(fake.open(), { ...OPTIONS, ...wishes }).catch((error) => error);
  await Promise.resolve();
  for (const chunk of chunks) theirs.write(chunk);
  if (wishes.ends === "end") theirs.end();
  if (wishes.ends === "cut") theirs.destroy();
  return { outcome: await outcome, isClosed: ours.isClosed };
}

const BANNER = "SSH-2.0-OpenSSH_9.6\r\n";

describe("probe()", () => {
  test.each<[string, readonly Uint8Array[]]>([
    ["a banner", [bytes(BANNER)]],
    ["a banner byte by byte", [...bytes(BANNER)].map((byte) => Uint8Array.of(byte))],
    ["an old banner", [bytes("SSH-1.99-Cisco\n")]],
    ["a greeting before the banner", [bytes("Authorised use only\r\nPlease log in\r\n"), bytes(BANNER)]],
    ["a greeting cut in the middle of the banner", [bytes("Hello\r\nSS"), bytes("H-2.0-x\r\n")]],
    ["a greeting in Latin-1", [bytes("Zugriff nur f\xfcr\n"), bytes(BANNER)]],
  ])("takes %s for SSH, and closes its connection", async (_what, chunks) => {
    const { outcome, isClosed } = await probeChunks(chunks);
    expect(outcome).toBeNumber();
    expect(isClosed).toBe(true);
  });

  test.each<[string, readonly Uint8Array[], "end" | "cut" | undefined, string]>([
    ["a web server", [bytes("HTTP/1.1 400 Bad Request\r\n\r\n")], undefined, "something else speaks there"],
    [
      "a web server byte by byte",
      [...bytes("HTTP/1.1")].map((byte) => Uint8Array.of(byte)),
      undefined,
      "something else",
    ],
    ["a TLS server", [bytes("\x16\x03\x01\x02")], undefined, "something else speaks there"],
    ["binary noise", [bytes("a\0b")], undefined, "something else speaks there"],
    ["an endless greeting", [bytes("x".repeat(9000))], undefined, "something else speaks there"],
    ["SSH in the middle of a line", [bytes("I am SSH-2.0\n")], "end", "closed before the banner"],
    ["an end at once", [], "end", "closed before the banner"],
    ["a cut at once", [], "cut", "closed before the banner"],
    ["an end within the banner", [bytes("SSH")], "end", "closed before the banner"],
  ])("does not take %s for SSH", async (_what, chunks, ends, why) => {
    const { outcome, isClosed } = await probeChunks(chunks, ends === undefined ? {} : { ends });
    expect(outcome).toBeInstanceOf(UnreachableError);
    expect(outcome).toMatchObject({ code: "no-ssh-banner", hop: "ssh-banner", message: expect.stringContaining(why) });
    expect(isClosed).toBe(true);
  });

  test("gives up on a server that says nothing", async () => {
    const { outcome, isClosed } = await probeChunks([], { timeoutMs: 20 });
    expect(outcome).toMatchObject({ code: "no-ssh-banner", message: expect.stringContaining("nothing came in time") });
    expect(isClosed).toBe(true);
  });

  test("ends when it is aborted, also where that happened during the dial", async () => {
    const controller = new AbortController();
    const [ours] = streamPair();
    const fake = new FakeTransport(() => {
      controller.abort();
      return ours;
    });
    const outcome = await probe(fake.open(), { ...OPTIONS, signal: controller.signal }).catch((error) => error);
    expect(outcome).toMatchObject({ hop: "ssh-banner" });
    expect(ours.isClosed).toBe(true);
  });

  test("of the kind dial is content with a connection", async () => {
    expect((await probeChunks([], { kind: "dial" })).outcome).toBeNumber();
  });

  test("gives the dial its limits and passes its error on", async () => {
    const refused = new UnreachableError("Refused", { hop: "remote-port" });
    let seen: unknown;
    const fake = new FakeTransport((_turn, port, options) => {
      seen = [port, options.timeoutMs];
      throw refused;
    });
    await expect(probe(fake.open(), OPTIONS)).rejects.toBe(refused);
    expect(seen).toEqual([22, 5000]);
  });

  test("works over real sockets", async () => {
    const dialer = direct.open({ transport: "direct", host: "127.0.0.1" }, SILENT_LOG);
    const ssh = await startServer((socket: net.Socket) => socket.write(BANNER));
    const web = await startServer((socket: net.Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const mute = await startServer(swallow);
    try {
      expect(await probe(dialer, { ...OPTIONS, port: ssh.port })).toBeGreaterThan(0);
      await expect(probe(dialer, { ...OPTIONS, port: web.port })).rejects.toThrow("something else speaks there");
      await expect(probe(dialer, { ...OPTIONS, port: mute.port, timeoutMs: 50 })).rejects.toThrow(
        "nothing came in time",
      );
      expect(await probe(dialer, { ...OPTIONS, port: mute.port, kind: "dial" })).toBeGreaterThan(0);
      await expect(probe(dialer, { ...OPTIONS, port: await closedPort() })).rejects.toMatchObject({
        hop: "remote-port",
      });
    } finally {
      dialer.close();
      await Promise.all([ssh.close(), web.close(), mute.close()]);
    }
  });
});
