// `proxy` as a pipe, and half-closed connections through every kind of tunnel.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand, cliEnvironment } from "../support/run-cli.ts";
import { Scratch } from "./support/scratch.ts";
import { startApache, startSquid, startTinyproxy } from "./support/servers.ts";
import { ask, connect, echo, type LoopbackServer, serveCount, serveEcho, serveLoopback } from "./support/sockets.ts";

setDefaultTimeout(90_000);

const onLinux = describe.skipIf(process.platform !== "linux");

const proxyTo = (server: LoopbackServer): readonly string[] => ["proxy", "127.0.0.1", String(server.port)];

onLinux("proxy as a pipe", () => {
  test("the end of the input reaches the server, whose answer comes out whole", async () => {
    await using server = await serveCount();
    await using user = await Scratch.create();
    for (const input of ["", "x", randomBytes(5_000_000)]) {
      const result = await user.run(proxyTo(server), { input });
      expect(result).toEqual({ stdout: `received ${input.length} bytes`, stderr: "", exitCode: 0 });
    }
    await user.expectNothingLeft();
  });

  test("20 MB come back byte for byte, also through EDGE, where an end cuts both ways", async () => {
    await using sandbox = await openSandbox();
    await using server = await serveEcho();
    await using user = await Scratch.create(sandbox.environment);
    const bytes = randomBytes(20_000_000);
    for (const words of [proxyTo(server), ["proxy", "1001", "7"]]) {
      const child = Bun.spawn({
        cmd: [...cliCommand(), ...words],
        env: cliEnvironment({ home: user.home, env: user.env }),
        stdin: new Blob([bytes]),
        stdout: "pipe",
        stderr: "pipe",
      });
      const back = new Uint8Array(await new Response(child.stdout).arrayBuffer());
      expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
      expect(createHash("sha256").update(back).digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
    await user.expectNothingLeft();
  });

  test("a server that ends first ends the output, and the input may go on", async () => {
    const received: Buffer[] = [];
    await using server = await serveLoopback((socket) => {
      socket.end("all I have to say");
      socket.on("data", (chunk: Buffer) => received.push(chunk));
    });
    await using user = await Scratch.create();
    const input = randomBytes(3_000_000);
    expect(await user.run(proxyTo(server), { input })).toEqual({
      stdout: "all I have to say",
      stderr: "",
      exitCode: 0,
    });
    expect(Buffer.concat(received).equals(input)).toBe(true);
  });

  test("a connection that breaks off is a failure, a port that nobody listens on is told", async () => {
    await using server = await serveLoopback((socket: Socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    await using user = await Scratch.create();
    const broken = await user.run(proxyTo(server), { input: "x" });
    expect(broken.exitCode).toBe(6);
    expect(broken.stderr).toStartWith("error: The connection to the run broke off");
    await server[Symbol.asyncDispose]();
    const refused = await user.run([...proxyTo(server), "-r", "1"], { input: "x" });
    expect(refused.exitCode).toBe(6);
    expect(refused.stderr).toContain(`127.0.0.1:${server.port}: connection refused`);
    expect(refused.stdout).toBe("");
  });

  test("a reader that goes away early is the end, without a complaint", async () => {
    await using server = await serveLoopback((socket) => {
      const write = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, "x")));
      };
      socket.on("drain", write);
      write();
    });
    await using user = await Scratch.create();
    const words = [...cliCommand(), ...proxyTo(server)].join(" ");
    const child = Bun.spawn({
      cmd: ["sh", "-c", `{ ${words}; echo "exit $?" >&2; } | head -c 1000 | wc -c`],
      env: cliEnvironment({ home: user.home }),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect((await new Response(child.stdout).text()).trim()).toBe("1000");
    expect(await new Response(child.stderr).text()).toBe("exit 0\n");
    await user.expectNothingLeft();
  });

  test("an output that cannot be written is a failure", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const words = [...cliCommand(), ...proxyTo(server)].join(" ");
    const child = Bun.spawn({
      cmd: ["sh", "-c", `echo hello | ${words} > /dev/full`],
      env: cliEnvironment({ home: user.home }),
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toMatch(/^error: Cannot write to the standard output: .*no space/i);
    expect(await child.exited).toBe(1);
  });
});

onLinux("half-close through a tunnel", () => {
  test("directly: a server that answers only after the end is heard, a thousand times", async () => {
    await using server = await serveCount();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", String(server.port)]);
    for (let batch = 0; batch < 10; batch += 1) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, size) => ask(tunnel.port, "x".repeat(size))));
      expect(answers).toEqual(Array.from({ length: 100 }, (_, size) => `received ${size} bytes`));
    }
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test.skipIf(!requirePeer("tinyproxy", "squid", "apache2"))(
    "through proxies that cut both ways on an end: what the server says in answer to bytes is not lost",
    async () => {
      await using server = await serveEcho();
      for (const startProxy of [startTinyproxy, () => startSquid(), () => startApache({ tls: false })]) {
        await using proxy = await startProxy();
        await using user = await Scratch.create({ RUNTUNNEL_PROXY: `http://127.0.0.1:${proxy.port}` });
        const tunnel = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", String(server.port)]);
        const text = "all of it, please ".repeat(10_000);
        const answers = await Promise.all([1, 2, 3, 4, 5].map((count) => ask(tunnel.port, text + count)));
        expect(answers).toEqual([1, 2, 3, 4, 5].map((count) => text + count));
        await user.run(["stop"]);
        await user.expectNothingLeft();
      }
    },
  );
});

onLinux("a thousand connections", () => {
  test.each(["directly", "through EDGE"])("at once through one tunnel, %s, all echo", async (way) => {
    await using sandbox = await openSandbox();
    await using server = await serveEcho();
    await using user = await Scratch.create(sandbox.environment);
    const words = way === "directly" ? ["127.0.0.1", "-rp", String(server.port)] : ["1001", "-rp", "7"];
    const tunnel = await user.startTunnel([...words, "-lp", "0"]);
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => connect(tunnel.port)));
    const texts = sockets.map((_, index) => `${index}:${randomBytes(500 + index).toString("hex")}`);
    const answers = await Promise.all(sockets.map((socket, index) => echo(socket, texts[index] ?? "")));
    expect(answers).toEqual(texts);
    const [listed] = await user.list();
    expect(listed?.connections).toEqual({ open: 1000, total: 1000, failed: 0 });
    // Once more on all of them: none was traded for another.
    expect(await Promise.all(sockets.map((socket, index) => echo(socket, `again ${index}`)))).toEqual(
      sockets.map((_, index) => `again ${index}`),
    );
    for (const socket of sockets) socket.destroy();
    expect((await user.run(["stop", "--force"])).exitCode).toBe(0);
    await user.expectNothingLeft();
  });
});
