// What every transport promises, as one suite that runs unchanged over each of them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import type net from "node:net";
import { type AppError, TimeoutError, UnreachableError } from "../../src/domain/errors.ts";
import type { Dialer } from "../../src/transports/transport.ts";
import { StreamReader, standsStill } from "../support/byte-stream-ends.ts";
import {
  answerAfterEnd,
  closedPort,
  echo,
  greet,
  Sender,
  startServer,
  type TestServer,
} from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { canCountSockets, countOpenSockets } from "../support/open-sockets.ts";
import { hasSilentPorts, openSilentPort, type SilentPort } from "../support/silent-port.ts";

/** A transport set up to reach 127.0.0.1. */
export type TransportSetup = {
  readonly dialer: Dialer;
  stop(): Promise<void>;
};

/** A case of the contract. */
export type TransportCase = {
  /** As it stands in the test's name. */
  readonly name: string;
  readonly isAvailable: boolean;
  /** False where the program in between takes everything at once, however much that is. Default true. */
  readonly hasBackpressure?: boolean;
  start(): Promise<TransportSetup>;
};

const MIB = 1024 * 1024;

/** For dials that are meant to succeed or to fail by themselves. */
const PATIENT_MS = 20_000;

/** Registers the suite for one transport. */
export function describeTransport(transport: TransportCase): void {
  describe.skipIf(!transport.isAvailable)(`transport ${transport.name}`, () => {
    let setup: TransportSetup;
    const servers: TestServer[] = [];

    beforeAll(async () => {
      setup = await transport.start();
    });
    afterAll(async () => {
      setup?.dialer.close();
      await setup?.stop();
      await Promise.all(servers.map((server) => server.close()));
    });

    const serve = async (behaviour: (socket: net.Socket) => void): Promise<TestServer> => {
      const server = await startServer(behaviour);
      servers.push(server);
      return server;
    };
    const dial = (port: number, signal = new AbortController().signal, timeoutMs = PATIENT_MS) =>
      setup.dialer.dial(port, { signal, timeoutMs });

    test("dial() reaches an echo and closes with it", async () => {
      const server = await serve(echo);
      const stream = await dial(server.port);
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("hello"));
      expect((await reader.atLeast(5)).toString()).toBe("hello");
      stream.end();
      await reader.toEnd();
      expect(reader.data.toString()).toBe("hello");
      await reader.toClose();
      expect(stream.write(Buffer.from("late"))).toBe(0);
      await eventually(() => expect(server.connections.size).toBe(0));
    });

    test("dial() tells a refused port by its hop", async () => {
      const error = await dial(await closedPort()).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error).toMatchObject({ code: "remote-port-refused", hop: "remote-port" });
    });

    test("dial() keeps bytes that come with the handshake", async () => {
      const greeting = randomBytes(1000);
      const server = await serve(greet(greeting));
      for (let round = 0; round < 20; round += 1) {
        const stream = await dial(server.port);
        const reader = new StreamReader(stream);
        expect(await reader.atLeast(greeting.length)).toEqual(greeting);
        stream.destroy();
      }
    });

    test("dial() gives a stream whose end leaves the answer alone, where it says so", async () => {
      const server = await serve(answerAfterEnd((question) => Buffer.concat([Buffer.from("answer to "), question])));
      const stream = await dial(server.port);
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("question"));
      if (!stream.canHalfClose) {
        stream.destroy();
        return;
      }
      stream.end();
      expect((await reader.toEnd()).toString()).toBe("answer to question");
      await reader.toClose();
    });

    test("dial() carries 8 MiB both ways at once, unchanged", async () => {
      const server = await serve(echo);
      const stream = await dial(server.port);
      const reader = new StreamReader(stream);
      const sent = randomBytes(8 * MIB);
      await reader.write(sent);
      const received = await reader.atLeast(sent.length);
      expect(sha256(received)).toBe(sha256(sent));
      stream.destroy();
    });

    test.skipIf(transport.hasBackpressure === false)(
      "dial() lets a paused reader hold up the sender, and loses nothing",
      async () => {
        const payload = randomBytes(32 * MIB);
        const sender = new Sender(payload);
        const server = await serve(sender.serve);
        const stream = await dial(server.port);
        const reader = new StreamReader(stream);
        await reader.atLeast(1);
        stream.pause();
        await standsStill(() => sender.sentBytes);
        expect(sender.sentBytes).toBeLessThan(payload.length);
        stream.resume();
        expect(sha256(await reader.toEnd())).toBe(sha256(payload));
        stream.destroy();
      },
    );

    test.skipIf(transport.hasBackpressure === false)(
      "dial() takes no more than fits when the far side does not read",
      async () => {
        const hash = createHash("sha256");
        let received = 0;
        const server = await serve((socket) => {
          socket.on("data", (chunk: Buffer) => {
            hash.update(chunk);
            received += chunk.length;
          });
          socket.pause();
        });
        const accepted = server.nextConnection();
        const stream = await dial(server.port);
        const socket = await accepted;
        const reader = new StreamReader(stream);
        const payload = randomBytes(32 * MIB);
        const writing = reader.write(payload);
        await standsStill(() => reader.writtenBytes);
        expect(reader.writtenBytes).toBeLessThan(payload.length);
        socket.resume();
        await writing;
        await eventually(() => expect(received).toBe(payload.length));
        expect(hash.digest("hex")).toBe(sha256(payload));
        stream.destroy();
      },
    );

    test("dial() gives a stream that closes when the far side resets", async () => {
      const server = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()));
      const stream = await dial(server.port);
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("x"));
      await reader.toEnd();
      stream.end();
      await reader.toClose();
    });

    test("dial() gives a stream whose destroy() the far side notices", async () => {
      const server = await serve(echo);
      const stream = await dial(server.port);
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("x"));
      await reader.atLeast(1);
      stream.destroy(new Error("broken"));
      stream.destroy();
      expect(reader.isClosed).toBe(true);
      await eventually(() => expect(server.connections.size).toBe(0));
    });

    test("dial() runs side by side", async () => {
      const server = await serve(echo);
      const answers = await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const stream = await dial(server.port);
          const reader = new StreamReader(stream);
          const text = `connection ${index} `.padEnd(100, "-");
          await reader.write(Buffer.from(text));
          const isSame = (await reader.atLeast(text.length)).toString() === text;
          stream.destroy();
          return isSame;
        }),
      );
      expect(answers).toEqual(Array.from({ length: 40 }, () => true));
    });

    test("dial() refuses to start with an aborted signal", async () => {
      const reason = new Error("no longer wanted");
      const server = await serve(echo);
      expect(await dial(server.port, AbortSignal.abort(reason)).catch((thrown: unknown) => thrown)).toBe(reason);
    });

    describe.skipIf(!hasSilentPorts)("towards a port that never answers", () => {
      let silent: SilentPort;
      beforeAll(async () => {
        silent = await openSilentPort();
      });
      afterAll(async () => await silent.close());

      test("dial() gives up in time", async () => {
        const error = await dial(silent.port, undefined, 300).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(TimeoutError);
        expect((error as AppError).hop).toBeDefined();
      });

      test("dial() gives up when told to", async () => {
        const controller = new AbortController();
        const reason = new Error("no longer wanted");
        const dialing = dial(silent.port, controller.signal).catch((thrown: unknown) => thrown);
        controller.abort(reason);
        expect(await dialing).toBe(reason);
      });

      test.skipIf(!canCountSockets)("dial() leaves no descriptor behind, whatever became of it", async () => {
        const server = await serve(echo);
        const refused = await closedPort();
        const warm = await dial(server.port);
        warm.destroy();
        await eventually(() => expect(server.connections.size).toBe(0));
        const before = await standsStill(countOpenSockets);
        const controller = new AbortController();
        const results = [
          ...Array.from({ length: 5 }, () => dial(silent.port, controller.signal)),
          ...Array.from({ length: 5 }, () => dial(silent.port, undefined, 100)),
          ...Array.from({ length: 5 }, () => dial(refused)),
          ...Array.from({ length: 5 }, () => dial(server.port).then((stream) => stream.destroy())),
        ];
        setImmediate(() => controller.abort());
        await Promise.allSettled(results);
        await eventually(() => expect(countOpenSockets()).toBeLessThanOrEqual(before));
      });
    });
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
