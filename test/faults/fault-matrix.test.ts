// Every way to a run broken in every manner while it does every kind of work. What arrives is always a true beginning of
// what was sent; a loss is never told as a good end; nothing hangs, nothing leaks, and the next connection works.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import type net from "node:net";
import { startServer, type TestServer } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { type Break, type Fault, writeOrGone } from "../support/fault-relay.ts";
import { canCountSockets, countOpenSockets } from "../support/open-sockets.ts";
import { Client, DIAL_MS, type OpenWay, WAYS, type Way } from "./ways.ts";

setDefaultTimeout(90_000);

const MIB = 1024 * 1024;
/** Far more than any buffer on the way, so that the fault strikes in the middle of it. */
const PAYLOAD = randomBytes(24 * MIB);
/** Bytes after which the fault strikes. */
const STRUCK_AFTER = MIB;
const HALF_ANSWER = PAYLOAD.subarray(0, 300_000);

type Work = "idle" | "up" | "down" | "both" | "half-closed";
const WORKS: readonly Work[] = ["idle", "up", "down", "both", "half-closed"];
const BREAKS: readonly Break[] = ["reset", "fin", "stall"];

/** The far end: does the work that the first byte names, and keeps what it got. */
type FarEnd = TestServer & { readonly got: Buffer[] };

async function startFarEnd(): Promise<FarEnd> {
  const got: Buffer[] = [];
  const server = await startServer((socket) => {
    socket.once("data", (first: Buffer) => {
      const work = first.toString("latin1", 0, 1);
      const rest = first.subarray(1);
      const keep = (chunk: Buffer): void => void got.push(chunk);
      if (rest.length > 0) keep(rest);
      if (work === "e") {
        socket.write(rest);
        socket.pipe(socket);
        return;
      }
      socket.on("data", keep);
      if (work === "d" || work === "b") void sendAll(socket);
      // Where the way cannot carry half an end, the far side would wait for it in vain.
      if (work === "h") socket.write(HALF_ANSWER);
      else socket.on("end", () => socket.end());
    });
  });
  return Object.assign(server, { got });
}

async function sendAll(socket: net.Socket): Promise<void> {
  for (let at = 0; at < PAYLOAD.length && !socket.destroyed; at += 65_536) {
    await writeOrGone(socket, PAYLOAD.subarray(at, at + 65_536));
  }
}

/** Begins the work and resolves when it is in the middle of it. */
async function begin(work: Work, way: OpenWay): Promise<Client> {
  const client = await Client.connect(way.port);
  const { passed } = way.front;
  const base = { ...passed };
  switch (work) {
    case "idle":
      client.socket.write("ehello");
      await eventually(() => expect(client.receivedBytes).toBe(5));
      break;
    case "half-closed":
      client.socket.end("hquestion");
      await eventually(() => expect(client.receivedBytes).toBe(HALF_ANSWER.length));
      break;
    case "up":
      client.socket.write("u");
      void client.write(PAYLOAD);
      await eventually(() => expect(passed.up - base.up).toBeGreaterThan(STRUCK_AFTER));
      break;
    case "down":
      client.socket.write("d");
      await eventually(() => expect(passed.down - base.down).toBeGreaterThan(STRUCK_AFTER));
      break;
    case "both":
      client.socket.write("b");
      void client.write(PAYLOAD);
      await eventually(() => expect(passed.down - base.down).toBeGreaterThan(STRUCK_AFTER));
      break;
  }
  return client;
}

function expectPrefix(received: Buffer, sent: Uint8Array, who: string): void {
  expect(received.length, who).toBeLessThanOrEqual(sent.length);
  expect(sha256(received), who).toBe(sha256(sent.subarray(0, received.length)));
}

function expectTruth(work: Work, client: Client, far: FarEnd): void {
  if (work === "idle") expect(client.received.toString()).toBe("hello");
  if (work === "down" || work === "both") expectPrefix(client.received, PAYLOAD, "down");
  if (work === "up" || work === "both") expectPrefix(Buffer.concat(far.got), PAYLOAD, "up");
  if (work === "half-closed") {
    expectPrefix(client.received, HALF_ANSWER, "answer");
    expect(Buffer.concat(far.got).toString()).toBe("question");
  }
}

/** The tunnel goes on: a new connection carries bytes both ways, unchanged. */
async function expectUsable(way: OpenWay, bytes = 300_000): Promise<void> {
  const client = await Client.connect(way.port);
  const sent = PAYLOAD.subarray(0, bytes);
  client.socket.write("e");
  void client.write(sent);
  await eventually(() => expect(client.receivedBytes).toBe(bytes));
  expect(sha256(client.received)).toBe(sha256(sent));
  client.socket.resetAndDestroy();
  await eventually(() => expect(way.relay.stats().open).toBe(0));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Plays on an open way, and sees at the end that all its sockets are closed. */
async function withWay(way: Way, play: (open: OpenWay, far: FarEnd) => Promise<void>): Promise<void> {
  const before = canCountSockets ? countOpenSockets() : 0;
  const far = await startFarEnd();
  try {
    await using open = await way.open(far.port);
    await play(open, far);
  } finally {
    await far.close();
  }
  if (canCountSockets) {
    await eventually(() => expect(countOpenSockets()).toBeLessThanOrEqual(before), { timeoutMs: 60_000 });
  }
}

for (const way of WAYS) {
  describe.skipIf(!way.isAvailable)(`a tunnel over ${way.name}`, () => {
    const cells = BREAKS.flatMap((how) => WORKS.map((work) => [how, work] as const));
    test.each(cells)("tells a %s during %s truly, and goes on", (how, work) =>
      withWay(way, async (open, far) => {
        const client = await begin(work, open);
        open.front.strike(how);
        if (how === "stall") {
          // Nobody can tell silence from idleness: the connection stays until its client is gone for certain.
          client.socket.resetAndDestroy();
          await eventually(() => expect(open.relay.stats().open).toBe(0));
        } else {
          await client.over();
          const mayEndWell = how === "fin" && way.endIsClean;
          if (!mayEndWell) expect(client.end).toBe("reset");
        }
        expectTruth(work, client, far);
        client.socket.resetAndDestroy();
        if (way.name === "ssh-jump" && how === "stall") return;
        await expectUsable(open);
      }),
    );

    const handshakes: readonly (readonly [string, Fault])[] = [
      ["a reset at once", { kind: "at-once", how: "reset" }],
      ["an end at once", { kind: "at-once", how: "fin" }],
      ["silence", { kind: "at-once", how: "stall" }],
      ["a reset in the first answer", { kind: "cut", direction: "down", afterBytes: 9, how: "reset" }],
      ["an end in the first answer", { kind: "cut", direction: "down", afterBytes: 9, how: "fin" }],
      ["silence in the first answer", { kind: "cut", direction: "down", afterBytes: 9, how: "stall" }],
    ];
    test.each(way.name === "direct" ? [] : handshakes)("fails a connection that meets %s, in time", (_what, fault) =>
      withWay(way, async (open) => {
        open.front.fault = fault;
        const client = await Client.connect(open.port);
        client.socket.write("ehello");
        const startedAt = performance.now();
        await client.over();
        expect(client.end).toBe("reset");
        expect(client.receivedBytes).toBe(0);
        expect(performance.now() - startedAt).toBeLessThan(DIAL_MS * 4);
        client.socket.destroy();
        expect(open.relay.stats().failed).toBe(1);
        open.front.fault = { kind: "none" };
        await expectUsable(open);
      }),
    );

    const harmless: readonly (readonly [string, Fault])[] = [
      ["one byte at a time", { kind: "slices", bytes: 400, pauseMs: 0 }],
      ["one byte at a time, slowly", { kind: "slices", bytes: 120, pauseMs: 4 }],
      ["header and first bytes in one segment", { kind: "merge", bytes: 100_000 }],
    ];
    test.each(harmless)("loses nothing when bytes come %s", (_what, fault) =>
      withWay(way, async (open) => {
        open.front.fault = fault;
        await expectUsable(open);
      }),
    );
  });
}
