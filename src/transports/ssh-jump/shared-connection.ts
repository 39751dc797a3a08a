// The one SSH connection that all dials through a jump host share: made by the first, remade when lost.
import type { ByteStream } from "../../domain/byte-stream.ts";
import { type Endpoint, formatEndpoint } from "../../domain/endpoint.ts";
import { AppError, AuthError, errorMessage, TimeoutError, UnreachableError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { SshLogin } from "../../domain/route.ts";
import { orAborted, withDeadline } from "../../streams/deadline.ts";
import { connectSsh, type SshConnection } from "../../streams/ssh-connection.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import type { DialOptions } from "../transport.ts";

/** Silence after which the jump host is asked whether it is still there; three unanswered questions end the connection.
 * Well below the minutes after which firewalls forget a connection. */
const KEEPALIVE_INTERVAL_MS = 30_000;

/** Limits of the shared connect: no single dial's, since others wait for it too. */
const CONNECT_TIMEOUT_MS = 30_000;

type Connecting = { readonly connection: Promise<SshConnection>; readonly giveUp: AbortController; waiters: number };

/** The shared connection of one dialer. */
export class SharedConnection {
  readonly #endpoint: Endpoint;
  readonly #login: SshLogin;
  readonly #log: Log;
  #connecting: Connecting | undefined;
  /** The one new dials use. */
  #current: SshConnection | undefined;
  #isClosed = false;

  constructor(endpoint: Endpoint, login: SshLogin, log: Log) {
    this.#endpoint = endpoint;
    this.#login = login;
    this.#log = log;
  }

  /** Opens a channel, connecting first where there is no connection. */
  dial(host: string, port: number, options: DialOptions): Promise<ByteStream> {
    const { signal, timeoutMs } = options;
    const onTimeout = (): TimeoutError =>
      new TimeoutError(
        `No connection to ${host}, port ${port}, through ${formatEndpoint(this.#endpoint)} in ${timeoutMs} ms`,
        {
          code: "connection-timeout",
          hop: this.#current === undefined ? "jump-host" : "remote-port",
        },
      );
    return withDeadline({ signal, timeoutMs, onTimeout }, async (bounded) => {
      const connection = this.#current ?? (await this.#join(bounded));
      try {
        return await connection.openTcp(host, port, bounded);
      } catch (error) {
        if (bounded.aborted && !signal.aborted) this.#retire(connection);
        throw error;
      }
    });
  }

  /** Takes no more dials; the connection ends with the last stream in it. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    this.#connecting?.giveUp.abort(closingError());
    if (this.#current !== undefined) this.#retire(this.#current);
  }

  /** A connection in which a channel did not open in time may be dead (the machine slept): new dials make their own. */
  #retire(connection: SshConnection): void {
    if (this.#current === connection) this.#current = undefined;
    connection.closeWhenIdle();
  }

  /** Waits for the connect under way, or starts one. Who leaves last takes the connect along. */
  async #join(signal: AbortSignal): Promise<SshConnection> {
    this.#connecting ??= this.#startConnect();
    const connecting = this.#connecting;
    connecting.waiters += 1;
    try {
      return await orAborted(connecting.connection, signal);
    } finally {
      connecting.waiters -= 1;
      if (connecting.waiters === 0) {
        if (this.#connecting === connecting) this.#connecting = undefined;
        connecting.giveUp.abort(signal.reason);
      }
    }
  }

  #startConnect(): Connecting {
    const giveUp = new AbortController();
    if (this.#isClosed) giveUp.abort(closingError());
    const connection = this.#connect(giveUp.signal);
    // Its failure is the waiters' business; when all have left, nobody's.
    connection.catch(() => undefined);
    return { connection, giveUp, waiters: 0 };
  }

  async #connect(signal: AbortSignal): Promise<SshConnection> {
    const stream = await connectTcp(this.#endpoint, { signal, timeoutMs: CONNECT_TIMEOUT_MS, hop: "jump-host" });
    const connection = await connectSsh(stream, {
      login: this.#login,
      readyTimeoutMs: CONNECT_TIMEOUT_MS,
      keepaliveIntervalMs: KEEPALIVE_INTERVAL_MS,
      signal,
    }).catch((error: unknown) => {
      throw jumpHostError(this.#endpoint, error);
    });
    this.#current = connection;
    connection.onClose((error) => {
      if (this.#current === connection) this.#current = undefined;
      if (!this.#isClosed) this.#log.info(`Connection to jump host lost: ${errorMessage(error ?? "closed by it")}`);
    });
    if (this.#isClosed) this.#retire(connection);
    return connection;
  }
}

function closingError(): UnreachableError {
  return new UnreachableError("The tunnel is closing", { code: "closing", hop: "jump-host" });
}

/** The same failure, told as the jump host's. */
function jumpHostError(endpoint: Endpoint, cause: unknown): unknown {
  if (!(cause instanceof AppError)) return cause;
  const { code, hint } = cause;
  const details = { code, hop: "jump-host", cause, ...(hint === undefined ? {} : { hint }) } as const;
  const message = `Cannot use jump host ${formatEndpoint(endpoint)}: ${cause.message}`;
  if (cause instanceof AuthError) return new AuthError(message, details);
  if (cause instanceof TimeoutError) return new TimeoutError(message, details);
  return new UnreachableError(message, { ...details, transient: cause.transient });
}
