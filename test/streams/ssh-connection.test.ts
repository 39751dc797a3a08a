import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { SshLogin } from "../../src/domain/route.ts";
import { Secret } from "../../src/domain/secret.ts";
import { connectSsh, type SshConnectOptions } from "../../src/streams/ssh-connection.ts";
import { connectTcp } from "../../src/streams/tcp-connect.ts";
import { StreamReader } from "../support/byte-stream-ends.ts";
import { answerAfterEnd, startServer, swallow } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { hasSshServer, type SshServer, startSshServer } from "../support/ssh-jump-server.ts";

describe.skipIf(!hasSshServer)("connectSsh()", () => {
  let sshd: SshServer;
  beforeAll(async () => {
    sshd = await startSshServer();
  });
  afterAll(async () => await sshd.stop());

  const signal = (): AbortSignal => new AbortController().signal;

  const login = (): SshLogin => ({ user: sshd.user, privateKey: new Secret(sshd.privateKey) });

  async function connect(options: Partial<SshConnectOptions> = {}, port = sshd.port) {
    const stream = await connectTcp(
      { host: "127.0.0.1", port },
      { signal: signal(), timeoutMs: 5000, hop: "remote-port" },
    );
    return await connectSsh(stream, { login: login(), readyTimeoutMs: 10_000, signal: signal(), ...options });
  }

  test("connectSsh() logs in, and tells banner and host key", async () => {
    const connection = await connect();
    expect(connection.banner).toMatch(/^SSH-2\.0-OpenSSH/);
    expect(Buffer.from(connection.hostKey()).toString("base64")).toBe(sshd.hostKey);
    connection.close();
    connection.close();
  });

  test("exec() returns exit code and both outputs, and feeds the input", async () => {
    const connection = await connect();
    const input = randomBytes(300_000).toString("hex");
    const command = "cat; echo err >&2; exit 7";
    const result = await connection.exec(command, { input, signal: signal(), maxOutputBytes: 1_000_000 });
    expect(result.code).toBe(7);
    expect(result.stderr).toBe("err\n");
    expect(result.stdout === input).toBe(true);
    const killed = await connection.exec("kill -9 $$", { signal: signal(), maxOutputBytes: 1 });
    expect(killed.code).toBeUndefined();
    connection.close();
  });

  test("exec() stops at too much output and when aborted", async () => {
    const connection = await connect();
    const tooMuch = connection.exec("yes", { signal: signal(), maxOutputBytes: 10_000 });
    expect(await tooMuch.catch((error: unknown) => error)).toMatchObject({ code: "ssh-output-too-long" });
    const controller = new AbortController();
    const endless = connection.exec("sleep 1000", { signal: controller.signal, maxOutputBytes: 10 });
    controller.abort(new Error("enough"));
    expect(String(await endless.catch((error: unknown) => error))).toContain("enough");
    const after = await connection.exec("echo ok", { signal: signal(), maxOutputBytes: 10 });
    expect(after.stdout).toBe("ok\n");
    connection.close();
  });

  test("openTcp() leaves nothing behind in a connection that lives for weeks", async () => {
    const server = await startServer((socket) => socket.end("bye"));
    const connection = await connect();
    const streams: WeakRef<object>[] = [];
    const use = async (): Promise<void> => {
      const stream = await connection.openTcp("127.0.0.1", server.port, signal());
      streams.push(new WeakRef(stream));
      const reader = new StreamReader(stream);
      await reader.toEnd();
      expect(String(reader.data)).toBe("bye");
      stream.destroy();
    };
    for (let turn = 0; turn < 30; turn += 1) await use();
    await eventually(() => {
      Bun.gc(true);
      expect(streams.filter((stream) => stream.deref() !== undefined).length).toBeLessThan(10);
    });
    connection.close();
    await server.close();
  });

  test("openTcp() keeps half-close", async () => {
    const server = await startServer(answerAfterEnd((question) => Buffer.from(`${question.length} bytes`)));
    const connection = await connect();
    const stream = await connection.openTcp("127.0.0.1", server.port, signal());
    expect(stream.canHalfClose).toBe(true);
    const reader = new StreamReader(stream);
    await reader.write(Buffer.alloc(5_000_000));
    stream.end();
    expect((await reader.toEnd()).toString()).toBe("5000000 bytes");
    expect(await reader.toClose()).toBeUndefined();
    connection.close();
    await server.close();
  });

  test("close() breaks what is open and tells onClose() once, also afterwards", async () => {
    const server = await startServer(swallow);
    const connection = await connect();
    const reader = new StreamReader(await connection.openTcp("127.0.0.1", server.port, signal()));
    let closes = 0;
    connection.onClose(() => {
      closes += 1;
    });
    connection.close();
    expect(await reader.toClose()).toBeInstanceOf(Error);
    expect(closes).toBe(1);
    connection.onClose(() => {
      closes += 1;
    });
    expect(closes).toBe(2);
    expect(await connection.openTcp("127.0.0.1", 1, signal()).catch((error: unknown) => error)).toMatchObject({
      code: "ssh-lost",
    });
    await eventually(() => expect(server.connections.size).toBe(0));
    await server.close();
  });

  test("connectSsh() asks verifyHostKey() before it sends a login", async () => {
    const seen: string[] = [];
    const verifyHostKey = (key: Uint8Array): boolean => {
      seen.push(Buffer.from(key).toString("base64"));
      return false;
    };
    const error = await connect({ verifyHostKey }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "host-key-mismatch", hop: "ssh-login" });
    expect(seen).toEqual([sshd.hostKey]);
  });

  test("connectSsh() tells a refused login without telling the key", async () => {
    const stranger = { user: sshd.user, privateKey: new Secret(sshd.strangerKey) };
    const error = await connect({ login: stranger }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ssh-login-refused", hop: "ssh-login" });
    expect(String(error)).not.toContain(sshd.strangerKey.slice(40, 60));
  });

  test.each([
    ["silence", "", "silence"],
    ["another protocol", "220 mail.example ESMTP\r\n", "220 mail.example"],
  ])("connectSsh() tells %s instead of a banner", async (_name, greeting, said) => {
    const server = await startServer((socket) => {
      swallow(socket);
      socket.write(greeting);
    });
    const error = await connect({ readyTimeoutMs: 150 }, server.port).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ssh-no-banner", hop: "ssh-banner" });
    expect(String(error)).toContain(said);
    await eventually(() => expect(server.connections.size).toBe(0));
    await server.close();
  });

  test("connectSsh() ends with the signal's reason and leaves nothing open", async () => {
    const server = await startServer((socket) => {
      swallow(socket);
      socket.write("SSH-2.0-mute\r\n");
    });
    const controller = new AbortController();
    const accepted = server.nextConnection();
    const connecting = connect({ signal: controller.signal }, server.port).catch((thrown: unknown) => thrown);
    await accepted;
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    await eventually(() => expect(server.connections.size).toBe(0));
    await server.close();
  });
});
