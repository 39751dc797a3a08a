// A sandbox in a temporary folder, and sockets that tests can look at byte for byte.
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import { eventually } from "../support/eventually.ts";

/** A sandbox that is closed, and its folder wiped, at the end of the `await using` block. */
export type TestSandbox = Sandbox & AsyncDisposable & { readonly folder: string };

export async function openSandbox(options: Partial<SandboxOptions> = {}): Promise<TestSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "sandbox-"));
  const wipe = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const sandbox = await startSandbox({ log: SILENT_LOG, folder, ...options }).catch(async (error: unknown) => {
    await wipe();
    throw error;
  });
  return {
    ...sandbox,
    folder,
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await wipe();
    },
  };
}

/** A plain socket with everything it received. */
export class RawSocket implements Disposable {
  readonly socket: net.Socket;
  readonly chunks: Buffer[] = [];
  ended = false;
  closed = false;

  constructor(port: number) {
    this.socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    this.socket.on("data", (chunk: Buffer) => this.chunks.push(chunk));
    this.socket.once("end", () => {
      this.ended = true;
    });
    this.socket.once("close", () => {
      this.closed = true;
    });
    this.socket.on("error", () => {});
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  write(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Waits until what was received satisfies the check, and returns it. */
  async receive(check: (text: string) => boolean): Promise<string> {
    return eventually(() => {
      if (!check(this.text)) throw new Error(`Received so far: ${JSON.stringify(this.text)}`);
      return this.text;
    });
  }

  /** Waits until the other side has ended or reset the connection, and returns all it sent. */
  async receiveAll(): Promise<string> {
    return eventually(() => {
      if (!this.ended && !this.closed) throw new Error(`Still open after ${JSON.stringify(this.text)}`);
      return this.text;
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** The request as the platform's own client sends it. */
export function connectRequest(target: string, token: string, user = "USER"): string {
  const credentials = Buffer.from(`${user}:${token}`).toString("base64url");
  return `CONNECT ${target} HTTP/1.0\r\nproxy-authorization: Basic ${credentials}\r\n\r\n`;
}

/** Connects to the default EDGE. */
export function connectEdge(sandbox: Sandbox): RawSocket {
  return new RawSocket(Number(new URL(sandbox.edgeUrl).port));
}

/** Asks the API and returns the answer as text. */
export async function askApi(
  sandbox: Sandbox,
  path: string,
  options: { readonly token?: string; readonly method?: string; readonly body?: unknown } = {},
): Promise<string> {
  const response = await fetch(sandbox.apiUrl + path, {
    method: options.method ?? "GET",
    headers: { Authorization: `Bearer ${options.token ?? sandbox.token}`, "Content-Type": "application/json" },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  return response.text();
}
