// An SSH connection over any byte stream: commands and forwarded connections. The SSH library is loaded on first use, so
// that tunnels without SSH do not pay for it.
import type { Client, ClientChannel, ConnectConfig } from "ssh2";
import type { ByteStream } from "../domain/byte-stream.ts";
import { AppError, AuthError, errorMessage, UnreachableError } from "../domain/errors.ts";
import type { SshLogin } from "../domain/route.ts";
import { orAborted, withDeadline } from "./deadline.ts";
import { quoteForeign } from "./foreign-text.ts";
import { type DuplexStream, fromDuplex, toDuplex } from "./node-duplex.ts";
import { runCommand, type SshCommandOptions, type SshCommandResult } from "./ssh-command.ts";
import { SshGreeting } from "./ssh-greeting.ts";
import { hostKeyAlgorithms, isExpectedHostKey } from "./ssh-host-key.ts";
import { WholeGreeting } from "./whole-greeting.ts";

/** How to log in and how long it may take. */
export type SshConnectOptions = {
  readonly login: SshLogin;
  /** Decides about the server's key; without it `login.hostKeys` does, and without those every key is taken. */
  readonly verifyHostKey?: (key: Uint8Array) => boolean;
  /** From now until the login has succeeded. */
  readonly readyTimeoutMs: number;
  /** Sends a question after so much silence and closes after three unanswered ones; absent: never. */
  readonly keepaliveIntervalMs?: number;
  readonly signal: AbortSignal;
};

/** A connection that is logged in. Whoever connected closes it. */
export interface SshConnection {
  /** The server's identification: `SSH-2.0-OpenSSH_9.2p1`. */
  readonly banner: string;
  /** The server's key as on the wire. */
  hostKey(): Uint8Array;
  /** Runs a command. Rejects where it cannot be run, writes more than `maxOutputBytes`, or the signal is aborted. */
  exec(command: string, options: SshCommandOptions): Promise<SshCommandResult>;
  /** Opens a TCP connection from the server. Rejects with hop `remote-port` where the server cannot. */
  openTcp(host: string, port: number, signal: AbortSignal): Promise<ByteStream>;
  /** Called once, when the connection is gone, also at once where it is gone already. */
  onClose(listener: (error?: Error) => void): void;
  /** Ends the connection as soon as no forwarded stream is open in it. */
  closeWhenIdle(): void;
  /** Ends the connection and everything in it. Safe to call twice. */
  close(): void;
}

/** Logs in over a stream, which it owns from then on, also where it fails. Rejects with UnreachableError (hop
 * `ssh-banner`: nobody speaks SSH there), AuthError (hop `ssh-login`, `ssh-key`), or the signal's reason. */
export async function connectSsh(stream: ByteStream, options: SshConnectOptions): Promise<SshConnection> {
  const greeting = new SshGreeting();
  const { signal, readyTimeoutMs: timeoutMs } = options;
  const onTimeout = (): Error => greeting.timeoutError(timeoutMs);
  try {
    return await withDeadline({ signal, timeoutMs, onTimeout }, async (bounded) => {
      const ssh2 = await orAborted(import("ssh2"), bounded);
      return await logIn(new ssh2.Client(), stream, greeting, options, bounded);
    });
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error("Given up", { cause: error }));
    throw error;
  }
}

function logIn(
  client: Client,
  stream: ByteStream,
  greeting: SshGreeting,
  options: SshConnectOptions,
  signal: AbortSignal,
): Promise<SshConnection> {
  return new Promise((resolve, reject) => {
    const duplex = toDuplex(new WholeGreeting(stream, (chunk) => greeting.add(chunk)));
    const connection = new Ssh2Connection(client, stream, greeting);
    const verify = options.verifyHostKey ?? defaultVerifier(options.login);
    let hasRefusedKey = false;
    // The client hears of it by the close that follows; but it listens only from connect() on.
    duplex.on("error", () => undefined);
    client.on("ready", () => resolve(connection));
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) =>
      answer(prompts.map(() => options.login.password?.reveal() ?? "")),
    );
    connection.onClose((error) => reject(hasRefusedKey ? hostKeyError() : loginError(error, greeting, options.login)));
    signal.addEventListener("abort", () => connection.close(), { once: true });
    try {
      client.connect({
        sock: duplex,
        ...credentials(options),
        hostVerifier: (key: Buffer) => {
          greeting.hostKey = new Uint8Array(key);
          hasRefusedKey = !verify(greeting.hostKey);
          return !hasRefusedKey;
        },
      });
    } catch (error) {
      reject(keyError(error));
    }
  });
}

function credentials(options: SshConnectOptions): ConnectConfig {
  const { user, password, privateKey, passphrase, hostKeys = [] } = options.login;
  const preferred = hostKeyAlgorithms(hostKeys);
  return {
    username: user,
    ...(password === undefined ? {} : { password: password.reveal(), tryKeyboard: true }),
    ...(privateKey === undefined ? {} : { privateKey: privateKey.reveal() }),
    ...(passphrase === undefined ? {} : { passphrase: passphrase.reveal() }),
    ...(preferred.length === 0
      ? {}
      : { algorithms: { serverHostKey: { prepend: [...preferred], append: [], remove: [] } } }),
    keepaliveInterval: options.keepaliveIntervalMs ?? 0,
    // Our own deadline covers the whole login.
    readyTimeout: 0,
  } as ConnectConfig;
}

function defaultVerifier(login: SshLogin): (key: Uint8Array) => boolean {
  const { hostKeys } = login;
  return hostKeys === undefined ? () => true : (key) => isExpectedHostKey(key, hostKeys);
}

class Ssh2Connection implements SshConnection {
  readonly #client: Client;
  readonly #stream: ByteStream;
  readonly #greeting: SshGreeting;
  readonly #channels = new Set<DuplexStream>();
  readonly #closeListeners = new Set<(error?: Error) => void>();
  #error: Error | undefined;
  #isClosed = false;
  #isClosingWhenIdle = false;

  constructor(client: Client, stream: ByteStream, greeting: SshGreeting) {
    this.#client = client;
    this.#stream = stream;
    this.#greeting = greeting;
    client.on("error", (error) => {
      this.#error ??= error;
    });
    client.on("end", () => this.#closed());
    client.on("close", () => this.#closed());
  }

  get banner(): string {
    return this.#greeting.banner;
  }

  hostKey(): Uint8Array {
    return this.#greeting.hostKey;
  }

  async exec(command: string, options: SshCommandOptions): Promise<SshCommandResult> {
    const channel = await this.#open(options.signal, (done) => this.#client.exec(command, done));
    return await runCommand(channel, options);
  }

  async openTcp(host: string, port: number, signal: AbortSignal): Promise<ByteStream> {
    const channel = await this.#open(signal, (done) => this.#client.forwardOut("127.0.0.1", 0, host, port, done)).catch(
      (error: unknown) => {
        throw error instanceof AppError || signal.aborted ? error : forwardError(host, port, error);
      },
    );
    const stream = fromDuplex(channel, { canHalfClose: true });
    this.#channels.add(stream);
    channel.on("close", () => {
      this.#channels.delete(stream);
      if (this.#isClosingWhenIdle && this.#channels.size === 0) this.close();
    });
    return stream;
  }

  onClose(listener: (error?: Error) => void): void {
    if (this.#isClosed) listener(this.#error);
    else this.#closeListeners.add(listener);
  }

  closeWhenIdle(): void {
    this.#isClosingWhenIdle = true;
    if (this.#channels.size === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#client.end();
    this.#stream.destroy();
    this.#closed();
  }

  /** Opens a channel; one that opens after the caller has gone is closed at once. */
  #open(signal: AbortSignal, start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void) {
    return new Promise<ClientChannel>((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#isClosed) throw lostError(this.#error);
      const onAbort = (): void => reject(signal.reason);
      const onLost = (error?: Error): void => reject(lostError(error));
      signal.addEventListener("abort", onAbort, { once: true });
      this.#closeListeners.add(onLost);
      start((error, channel) => {
        signal.removeEventListener("abort", onAbort);
        // Or every channel there ever was would be kept for as long as the connection lives.
        this.#closeListeners.delete(onLost);
        if (error !== undefined) reject(error);
        else if (signal.aborted) channel.close();
        else resolve(channel);
      });
    });
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const lost = this.#error ?? new Error("The SSH connection is closed");
    for (const channel of this.#channels) channel.breakOff(lost);
    this.#channels.clear();
    for (const listener of this.#closeListeners) listener(this.#error);
    this.#closeListeners.clear();
    this.#stream.destroy();
  }
}

function lostError(cause: Error | undefined): UnreachableError {
  return new UnreachableError("The SSH connection is lost", { code: "ssh-lost", hop: "ssh-login", cause });
}

/** Reasons of RFC 4254, section 5.1: 1 is a prohibition, 2 a failed connect. */
function forwardError(host: string, port: number, cause: unknown): AppError {
  const reason = typeof cause === "object" && cause !== null && "reason" in cause ? cause.reason : undefined;
  const action = `The SSH server cannot connect to ${host}, port ${port}`;
  if (reason === 1) {
    return new AuthError(`${action}: forwarding is forbidden there`, {
      code: "forwarding-forbidden",
      hop: "remote-port",
      hint: "Ask the server's administrator for AllowTcpForwarding",
      cause,
    });
  }
  return new UnreachableError(`${action}: ${quoteForeign(errorMessage(cause))}`, {
    code: "remote-port-refused",
    hop: "remote-port",
    hint: "Check that the run is up and that something listens on this port",
    cause,
  });
}

function keyError(cause: unknown): AuthError {
  const needsPassphrase = /passphrase|encrypted/i.test(errorMessage(cause));
  return new AuthError(`Cannot read the private key: ${quoteForeign(errorMessage(cause))}`, {
    code: needsPassphrase ? "ssh-key-passphrase" : "ssh-key-unreadable",
    hop: "ssh-key",
    cause,
  });
}

function hostKeyError(): AuthError {
  return new AuthError("The SSH server shows another host key than expected", {
    code: "host-key-mismatch",
    hop: "ssh-login",
    hint: "Somebody may be in between, or the machine was set up anew: ask its administrator",
  });
}

function loginError(cause: Error | undefined, greeting: SshGreeting, login: SshLogin): AppError {
  if (!greeting.isComplete) return greeting.missingError(cause);
  if (cause !== undefined && "level" in cause && cause.level === "client-authentication") {
    return new AuthError(`The SSH server refuses the login of "${login.user}"`, {
      code: "ssh-login-refused",
      hop: "ssh-login",
      hint: "Check the user name and the key or password",
      cause,
    });
  }
  const state = cause === undefined ? "it closed the connection" : quoteForeign(errorMessage(cause));
  return new UnreachableError(`Cannot log in at the SSH server: ${state}`, {
    code: "ssh-failed",
    hop: "ssh-login",
    cause,
  });
}
