import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type net from "node:net";
import tls from "node:tls";
import { SILENT_LOG } from "../../src/domain/log.ts";
import type { TlsOptions } from "../../src/domain/route.ts";
import { connectTls } from "../../src/streams/tls.ts";
import { httpConnect } from "../../src/transports/http-connect/http-connect.ts";
import { StreamReader } from "../support/byte-stream-ends.ts";
import {
  type Certificate,
  type CertificateSet,
  canMakeCertificates,
  makeCertificates,
} from "../support/certificates.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { closedPort, echo, startServer, swallow } from "../support/echo-server.ts";
import { eventually } from "../support/eventually.ts";

describe.skipIf(!canMakeCertificates)("connectTls()", () => {
  let certificates: CertificateSet;
  const cleanups: (() => unknown)[] = [];
  beforeAll(async () => {
    certificates = await makeCertificates();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  afterAll(() => undefined);

  async function serveTls(
    { cert, key }: Certificate,
    serve: (socket: tls.TLSSocket) => void = (socket) => void socket.pipe(socket),
  ): Promise<number> {
    const server = tls.createServer({ cert, key }, (socket) => {
      socket.on("error", () => undefined);
      serve(socket);
    });
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => server.close());
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  function connect(port: number, options: Partial<TlsOptions> = {}, host = "127.0.0.1", timeoutMs = 5000) {
    return connectTls(
      { host, port },
      {
        tls: { verify: true, certificateAuthority: certificates.authority, ...options },
        signal: new AbortController().signal,
        timeoutMs,
        hop: "proxy-tcp",
      },
    );
  }

  const failureOf = (connecting: Promise<unknown>) => connecting.catch((error: unknown) => error);

  test("connectTls() carries bytes to a server it can trust, by address and by name", async () => {
    const names: unknown[] = [];
    const port = await serveTls(certificates.valid, (socket) => {
      names.push(socket.servername);
      socket.pipe(socket);
    });
    for (const host of ["127.0.0.1", "localhost"]) {
      const stream = await connect(port, {}, host);
      const reader = new StreamReader(stream);
      const payload = Buffer.alloc(3_000_000, host);
      await reader.write(payload);
      expect((await reader.atLeast(payload.length)).equals(payload)).toBe(true);
      expect(stream.canHalfClose).toBe(false);
      stream.end();
      await reader.toClose();
    }
    expect(names[1]).toBe("localhost");
  });

  test("connectTls() tells an unknown authority", async () => {
    const port = await serveTls(certificates.valid);
    const { certificateAuthority: _unused, ...bare } = { certificateAuthority: "", verify: true };
    const options = { tls: bare, signal: new AbortController().signal, timeoutMs: 5000, hop: "proxy-tcp" } as const;
    const error = await failureOf(connectTls({ host: "127.0.0.1", port }, options));
    expect(error).toMatchObject({ code: "tls-unknown-authority", hop: "tls", transient: false });
  });

  test("connectTls() tells an expired certificate and one for another name", async () => {
    const expired = await serveTls(certificates.expired);
    expect(await failureOf(connect(expired))).toMatchObject({ code: "tls-certificate-expired", hop: "tls" });
    const misnamed = await serveTls(certificates.misnamed);
    expect(await failureOf(connect(misnamed))).toMatchObject({ code: "tls-wrong-name", hop: "tls" });
  });

  test("connectTls() asks nothing of the certificate when told so", async () => {
    for (const certificate of [certificates.expired, certificates.misnamed]) {
      const stream = await connect(await serveTls(certificate), { verify: false });
      const reader = new StreamReader(stream);
      await reader.write(Buffer.from("x"));
      await reader.atLeast(1);
      stream.destroy();
    }
  });

  test("connectTls() tells servers that do not speak TLS, say nothing, or close", async () => {
    const plain = await startServer((socket) => {
      swallow(socket);
      socket.write("220 mail.example\r\n");
    });
    const mute = await startServer(swallow);
    const rude = await startServer((socket) => socket.destroy());
    cleanups.push(
      () => plain.close(),
      () => mute.close(),
      () => rude.close(),
    );
    expect(await failureOf(connect(plain.port))).toMatchObject({ hop: "tls" });
    expect(await failureOf(connect(mute.port, {}, "127.0.0.1", 150))).toMatchObject({
      code: "tls-timeout",
      hop: "tls",
    });
    expect(await failureOf(connect(rude.port))).toMatchObject({ hop: "tls" });
    expect(await failureOf(connect(await closedPort()))).toMatchObject({ hop: "proxy-tcp" });
    await eventually(() => expect(plain.connections.size + mute.connections.size).toBe(0));
  });

  test("httpConnect tunnels through a proxy that speaks TLS", async () => {
    const target = await startServer(echo);
    const proxy = await startConnectProxy();
    cleanups.push(
      () => target.close(),
      () => proxy.close(),
    );
    const port = await serveTls(certificates.valid, (socket) => joinTo(socket, proxy.port));
    const via = {
      url: `https://127.0.0.1:${port}`,
      tls: { verify: true, certificateAuthority: certificates.authority },
    };
    const dialer = httpConnect.open({ transport: "http-connect", host: "127.0.0.1", via }, SILENT_LOG);
    const stream = await dialer.dial(target.port, { signal: new AbortController().signal, timeoutMs: 5000 });
    const reader = new StreamReader(stream);
    await reader.write(Buffer.from("through"));
    expect((await reader.atLeast(7)).toString()).toBe("through");
    stream.destroy();
    const plain = { url: `http://127.0.0.1:${port}` };
    const wrong = httpConnect.open({ transport: "http-connect", host: "127.0.0.1", via: plain }, SILENT_LOG);
    const error = await failureOf(wrong.dial(1, { signal: new AbortController().signal, timeoutMs: 5000 }));
    expect(error).toMatchObject({ hop: "proxy-tcp" });
  });

  function joinTo(socket: tls.TLSSocket, port: number): void {
    void import("node:net").then(({ connect: open }) => {
      const far: net.Socket = open({ host: "127.0.0.1", port });
      far.on("error", () => socket.destroy());
      socket.on("close", () => far.destroy());
      far.pipe(socket).pipe(far);
    });
  }
});
