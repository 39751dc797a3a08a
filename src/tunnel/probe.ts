// One health check: dial a remote port and, where SSH is expected, wait for its banner. The connection is small and
// closed at once, and goes through the same transport as the users' connections.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { Clock } from "../domain/clock.ts";
import { UnreachableError } from "../domain/errors.ts";
import type { Dialer } from "../transports/transport.ts";

/** What must happen for the remote side to count as reached. */
export type ProbeKind = "dial" | "ssh";

/** RFC 4253, section 4.2, lets a server send other lines before its banner; this much of them is read. */
const MAX_BANNER_BYTES = 8192;

/** Options of one probe. */
export type ProbeOptions = {
  readonly kind: ProbeKind;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** Milliseconds from the start of the dial to the answer. Throws the AppError of the hop that failed. */
export async function probe(dialer: Dialer, options: ProbeOptions): Promise<number> {
  const startedAt = options.clock.monotonicMs();
  const stream = await dialer.dial(options.port, { signal: options.signal, timeoutMs: options.timeoutMs });
  try {
    if (options.kind === "ssh") await awaitBanner(stream, options);
    else stream.attach({ onData() {}, onDrain() {}, onEnd() {}, onClose() {} });
  } finally {
    stream.destroy();
  }
  return options.clock.monotonicMs() - startedAt;
}

function awaitBanner(stream: ByteStream, options: ProbeOptions): Promise<void> {
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (what: string): void =>
      reject(
        new UnreachableError(`No SSH server answers on remote port ${options.port}: ${what}`, {
          code: "no-ssh-banner",
          hop: "ssh-banner",
          hint: "The run may still be starting, or another service has this port; check --remote-port",
        }),
      );
    const giveUp = (): void => fail("nothing came in time");
    deadline.addEventListener("abort", giveUp, { once: true });
    if (deadline.aborted) giveUp();
    stream.attach({
      onData(chunk) {
        text += Buffer.from(chunk).toString("latin1");
        if (/(?:^|\n)SSH-/.test(text)) resolve();
        else if (text.length > MAX_BANNER_BYTES || !couldBecomeBanner(text)) fail("something else speaks there");
      },
      onDrain() {},
      onEnd: () => fail("the connection was closed before the banner"),
      onClose: () => fail("the connection was closed before the banner"),
    });
  });
}

/** HTTP and TLS servers are told apart at once; other text may be a greeting that precedes the banner. */
function couldBecomeBanner(text: string): boolean {
  return !text.startsWith("HTTP/") && !text.startsWith("\x16\x03") && !text.includes("\0");
}
