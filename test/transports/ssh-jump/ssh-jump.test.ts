import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { AuthError, UnreachableError, UsageError } from "../../../src/domain/errors.ts";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import type { Route, SshLogin } from "../../../src/domain/route.ts";
import { Secret } from "../../../src/domain/secret.ts";
import { sshJump } from "../../../src/transports/ssh-jump/ssh-jump.ts";
import { StreamReader } from "../../support/byte-stream-ends.ts";
import { closedPort, echo, startServer, type TestServer } from "../../support/echo-server.ts";
import { eventually } from "../../support/eventually.ts";
import { hasSshServer, type SshServer, startSshServer } from "../../support/ssh-jump-server.ts";
import { describeTransport } from "../contract.ts";

function loginOf(server: SshServer, more: Partial<SshLogin> = {}): SshLogin {
  return { user: server.user, privateKey: new Secret(server.privateKey), hostKeys: [server.hostKey], ...more };
}

function routeOver(port: number, login: SshLogin): Route {
  return { transport: "ssh-jump", host: "127.0.0.1", via: { url: `ssh://127.0.0.1:${port}`, login } };
}

describeTransport({
  name: "ssh-jump over OpenSSH",
  isAvailable: hasSshServer,
  start: async () => {
    const server = await startSshServer();
    return { dialer: sshJump.open(routeOver(server.port, loginOf(server)), SILENT_LOG), stop: () => server.stop() };
  },
});

describe.skipIf(!hasSshServer)("sshJump", () => {
  let sshd: SshServer;
  let target: TestServer;
  beforeAll(async () => {
    sshd = await startSshServer();
    target = await startServer(echo);
  });
  afterAll(async () => {
    await target.close();
    await sshd.stop();
  });

  const limits = () => ({ signal: new AbortController().signal, timeoutMs: 10_000 });

  /** A relay in front of sshd that counts connections and can cut them. */
  async function countingFront(): Promise<TestServer & { accepted: number }> {
    const front = await startServer((socket) => {
      counted.accepted += 1;
      const far = net.connect({ host: "127.0.0.1", port: sshd.port });
      far.on("error", () => socket.destroy());
      socket.on("close", () => far.destroy());
      socket.pipe(far).pipe(socket);
    });
    const counted = Object.assign(front, { accepted: 0 });
    return counted;
  }

  test("sshJump.dial() shares one connection among dials that start together and later ones", async () => {
    const front = await countingFront();
    const dialer = sshJump.open(routeOver(front.port, loginOf(sshd)), SILENT_LOG);
    const streams = await Promise.all(Array.from({ length: 8 }, () => dialer.dial(target.port, limits())));
    streams.push(await dialer.dial(target.port, limits()));
    expect(front.accepted).toBe(1);
    for (const stream of streams) stream.destroy();
    dialer.close();
    await eventually(() => expect(front.connections.size).toBe(0));
    await front.close();
  });

  test("sshJump.dial() connects anew when the connection was lost, and breaks the streams that were in it", async () => {
    const front = await countingFront();
    const dialer = sshJump.open(routeOver(front.port, loginOf(sshd)), SILENT_LOG);
    const lost = new StreamReader(await dialer.dial(target.port, limits()));
    for (const socket of front.connections) socket.resetAndDestroy();
    expect(await lost.toClose()).toBeInstanceOf(Error);
    const stream = await dialer.dial(target.port, limits());
    const reader = new StreamReader(stream);
    await reader.write(Buffer.from("again"));
    expect((await reader.atLeast(5)).toString()).toBe("again");
    expect(front.accepted).toBe(2);
    stream.destroy();
    dialer.close();
    await front.close();
  });

  test("sshJump.close() leaves open streams alone and ends the connection with the last one", async () => {
    const front = await countingFront();
    const dialer = sshJump.open(routeOver(front.port, loginOf(sshd)), SILENT_LOG);
    const stream = await dialer.dial(target.port, limits());
    const reader = new StreamReader(stream);
    dialer.close();
    dialer.close();
    await reader.write(Buffer.from("still"));
    expect((await reader.atLeast(5)).toString()).toBe("still");
    expect(front.connections.size).toBe(1);
    stream.end();
    await reader.toClose();
    await eventually(() => expect(front.connections.size).toBe(0));
    await front.close();
  });

  test("sshJump.dial() lets one dial give up without disturbing the other", async () => {
    const dialer = sshJump.open(routeOver(sshd.port, loginOf(sshd)), SILENT_LOG);
    const controller = new AbortController();
    const first = dialer.dial(target.port, { signal: controller.signal, timeoutMs: 10_000 });
    const second = dialer.dial(target.port, limits());
    controller.abort(new Error("gone"));
    expect(String(await first.catch((error: unknown) => error))).toContain("gone");
    (await second).destroy();
    dialer.close();
  });

  test.each([
    ["a refused key", (): Partial<SshLogin> => ({ privateKey: new Secret(sshd.strangerKey) }), "ssh-login-refused"],
    ["a refused password", (): Partial<SshLogin> => ({ password: new Secret("x") }), undefined],
    ["an unreadable key", (): Partial<SshLogin> => ({ privateKey: new Secret("no key") }), "ssh-key-unreadable"],
    ["another host key", (): Partial<SshLogin> => ({ hostKeys: ["SHA256:AAAA"] }), "host-key-mismatch"],
  ])("sshJump.dial() tells %s as the jump host's refusal", async (_name, change, code) => {
    const dialer = sshJump.open(routeOver(sshd.port, loginOf(sshd, change())), SILENT_LOG);
    const result = await dialer.dial(target.port, limits()).catch((thrown: unknown) => thrown);
    if (code !== undefined) {
      expect(result).toBeInstanceOf(AuthError);
      expect(result).toMatchObject({ code, hop: "jump-host", transient: false });
    }
    dialer.close();
  });

  test("sshJump.dial() tells a jump host that is not there, and one that is no SSH server", async () => {
    const absent = sshJump.open(routeOver(await closedPort(), loginOf(sshd)), SILENT_LOG);
    expect(await absent.dial(1, limits()).catch((thrown: unknown) => thrown)).toMatchObject({
      code: "connection-refused",
      hop: "jump-host",
    });
    const web = await startServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const foreign = sshJump.open(routeOver(web.port, loginOf(sshd)), SILENT_LOG);
    const error = await foreign.dial(1, limits()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ code: "ssh-no-banner", hop: "jump-host" });
    expect(String(error)).toContain("HTTP/1.1 400");
    await web.close();
  });

  test("sshJump.dial() tells a server that forbids forwarding", async () => {
    const strict = await startSshServer(["AllowTcpForwarding no"]);
    const dialer = sshJump.open(routeOver(strict.port, loginOf(strict)), SILENT_LOG);
    const error = await dialer.dial(target.port, limits()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "forwarding-forbidden", hop: "remote-port" });
    dialer.close();
    await strict.stop();
  });

  test("sshJump.open() refuses a jump host without a login", () => {
    const via = { url: "ssh://user@127.0.0.1" };
    expect(() => sshJump.open({ transport: "ssh-jump", host: "h", via }, SILENT_LOG)).toThrow(UsageError);
    const login = { user: "u", password: new Secret("p") };
    expect(() => sshJump.open({ transport: "ssh-jump", host: "h", via: { url: "jump", login } }, SILENT_LOG)).toThrow(
      UsageError,
    );
  });
});
